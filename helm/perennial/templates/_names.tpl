{{- define "perennial.operator.name" -}}
{{ .Release.Name }}-operator
{{- end }}

{{- define "perennial.redis.name" -}}
{{ .Release.Name }}-redis
{{- end }}

{{- define "perennial.redis.secretName" -}}
{{ .Values.redis.existingSecret | default (include "perennial.redis.name" .) }}
{{- end }}

{{- define "perennial.uninstall.name" -}}
{{ .Release.Name }}-uninstall
{{- end }}

{{- /* A model's name has at most 52 characters. */ -}}
{{- define "perennial.test.name" -}}
{{ .Release.Name | trunc 47 | trimSuffix "-" }}-test
{{- end }}

{{- /* Image of one of the three services. Arguments: root, name. */ -}}
{{- define "perennial.image" -}}
{{- with .root.Values.images -}}
{{ .registry }}/{{ .repository }}/{{ $.name }}:{{ .tag | default $.root.Chart.AppVersion }}
{{- end -}}
{{- end }}

{{- /* Labels by which a component's pods are found. Arguments: root, component. */ -}}
{{- define "perennial.selector" -}}
app.kubernetes.io/name: perennial-{{ .component }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{- /* Labels of an object that belongs to the chart as a whole. */ -}}
{{- define "perennial.chartLabels" -}}
app.kubernetes.io/part-of: perennial
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
{{- end }}

{{- /* Labels of a component's object. Arguments: root, component. */ -}}
{{- define "perennial.labels" -}}
{{ include "perennial.selector" . }}
{{ include "perennial.chartLabels" .root }}
{{- end }}
