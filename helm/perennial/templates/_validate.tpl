{{- /* Refuses values that contradict each other; what one value may be, values.schema.json says. */ -}}
{{- define "perennial.validate" -}}
{{- with .Values }}
{{- if and .redis.enabled (or .externalRedis.url .externalRedis.existingSecret) }}
{{- fail "externalRedis is given, but redis.enabled is true: set redis.enabled=false to use the external Redis, or remove externalRedis" }}
{{- end }}
{{- if not (or .redis.enabled .externalRedis.url .externalRedis.existingSecret) }}
{{- fail "redis.enabled is false and there is no other Redis: set externalRedis.url, or externalRedis.existingSecret to a Secret with the key url" }}
{{- end }}
{{- if and .redis.existingSecret (not .redis.enabled) }}
{{- fail "redis.existingSecret belongs to the chart's own Redis, but redis.enabled is false: use externalRedis.existingSecret" }}
{{- end }}
{{- end }}
{{- end }}
