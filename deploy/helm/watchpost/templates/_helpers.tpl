{{- define "watchpost.labels" -}}
app.kubernetes.io/name: watchpost
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .role }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "watchpost.selector" -}}
app.kubernetes.io/name: watchpost
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .role }}
{{- end }}

{{- define "watchpost.image" -}}
{{ .root.Values.image.repository }}/{{ .role }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}
{{- end }}

{{- define "watchpost.url" -}}
{{- if .Values.engine.enabled -}}
http://{{ .Release.Name }}-engine:8086
{{- else -}}
{{ required "server.url is needed where engine.enabled is false" .Values.server.url }}
{{- end -}}
{{- end }}

{{/* Tokens that are there before anything runs. */}}
{{- define "watchpost.firstTokens" -}}
{{ .Values.tokens.existingSecret | default (printf "%s-first-tokens" .Release.Name) }}
{{- end }}

{{/* Tokens of the roles. */}}
{{- define "watchpost.roleTokens" -}}
{{ .Values.tokens.existingSecret | default (printf "%s-tokens" .Release.Name) }}
{{- end }}

{{/* The whole of a pod's rights, and of what it is: an ordinary user without any capability. */}}
{{- define "watchpost.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "watchpost.container" -}}
image: {{ include "watchpost.image" . }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- end }}

{{- define "watchpost.influx" -}}
- { name: INFLUX_URL, value: {{ include "watchpost.url" .root | quote }} }
- { name: INFLUX_ORG, value: {{ .root.Values.server.org | quote }} }
- { name: INFLUX_BUCKET, value: {{ .root.Values.server.bucket | quote }} }
- { name: INFLUX_TOKEN_FILE, value: /tokens/{{ .token }}.token }
{{- end }}

{{/* Answers at /health once it runs; a role whose server is away is alive and not ready. */}}
{{- define "watchpost.probes" -}}
startupProbe:
  httpGet: { path: /health, port: {{ .port }} }
  periodSeconds: 5
  failureThreshold: {{ .start | default 24 }}
livenessProbe:
  httpGet: { path: /health, port: {{ .port }} }
  periodSeconds: 20
  timeoutSeconds: 5
  failureThreshold: 3
readinessProbe:
  httpGet: { path: {{ .ready | default "/ready" }}, port: {{ .port }} }
  periodSeconds: 10
  timeoutSeconds: 5
{{- end }}
