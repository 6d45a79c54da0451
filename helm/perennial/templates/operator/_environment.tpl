{{- /* The operator's environment: perennial_operator.settings and perennial_core.settings.RegistrySettings. */ -}}
{{- define "perennial.operator.environment" -}}
- name: PERENNIAL_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
- name: PERENNIAL_IDENTITY
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: PERENNIAL_TRAINER_IMAGE
  value: {{ include "perennial.image" (dict "root" . "name" "trainer") }}
- name: PERENNIAL_PREDICTOR_IMAGE
  value: {{ include "perennial.image" (dict "root" . "name" "predictor") }}
- name: PERENNIAL_IMAGE_PULL_POLICY
  value: {{ .Values.images.pullPolicy }}
- name: PERENNIAL_IMAGE_PULL_SECRETS
  value: {{ .Values.images.pullSecrets | toJson | quote }}
{{- with .Values.operator }}
- name: PERENNIAL_ALLOWED_MODULES
  value: {{ .allowedModules | toJson | quote }}
- name: PERENNIAL_TRUSTED_TYPES
  value: {{ .trustedTypes | toJson | quote }}
- name: PERENNIAL_WATCH_NAMESPACES
  value: {{ .watchNamespaces | toJson | quote }}
- name: PERENNIAL_RESYNC_SECONDS
  value: {{ .resyncSeconds | quote }}
- name: PERENNIAL_LOG_LEVEL
  value: {{ .logLevel }}
{{- end }}
{{ include "perennial.registry.environment" . }}
{{- end }}

{{- define "perennial.registry.environment" -}}
- name: PERENNIAL_REDIS_MAX_ARTIFACT_BYTES
  value: {{ int64 .Values.registry.maxArtifactBytes | quote }}
{{- if .Values.redis.enabled }}
- name: PERENNIAL_REDIS_URL
  value: redis://{{ include "perennial.redis.name" . }}.{{ .Release.Namespace }}.svc:6379/0
- name: PERENNIAL_REDIS_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ include "perennial.redis.secretName" . }}, key: password}}
{{- else }}
{{- $secret := .Values.externalRedis.existingSecret }}
- name: PERENNIAL_REDIS_URL
{{- with .Values.externalRedis.url }}
  value: {{ . | quote }}
{{- else }}
  valueFrom: {secretKeyRef: {name: {{ $secret }}, key: url}}
{{- end }}
{{- with $secret }}
- name: PERENNIAL_REDIS_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ . }}, key: password, optional: true}}
- name: PERENNIAL_REDIS_CA
  valueFrom: {secretKeyRef: {name: {{ . }}, key: ca.crt, optional: true}}
{{- end }}
{{- end }}
{{- end }}
