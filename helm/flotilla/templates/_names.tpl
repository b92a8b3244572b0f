{{- define "flotilla.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "flotilla.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "flotilla.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "flotilla.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "flotilla.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* The Secret with session-secret and what else pods share. */}}
{{- define "flotilla.sessionSecretName" -}}
{{- if .Values.session.existingSecret -}}
{{- .Values.session.existingSecret -}}
{{- else if .Values.session.generate -}}
{{- printf "%s-session" (include "flotilla.fullname" .) -}}
{{- end -}}
{{- end -}}

{{/* Name and instance only: selectors can never change. The name differs from part to part, so that no selector meets another's pods. */}}
{{- define "flotilla.selectorLabels" -}}
app.kubernetes.io/name: {{ include "flotilla.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* Takes a dict of root and part, such as redis. */}}
{{- define "flotilla.partSelectorLabels" -}}
app.kubernetes.io/name: {{ include "flotilla.name" .root }}-{{ .part }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end -}}

{{- define "flotilla.commonLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: {{ include "flotilla.name" . }}
{{- with .Chart.AppVersion }}
app.kubernetes.io/version: {{ . | quote }}
{{- end }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "flotilla.labels" -}}
{{ include "flotilla.selectorLabels" . }}
{{ include "flotilla.commonLabels" . }}
{{- end -}}

{{- define "flotilla.partLabels" -}}
{{ include "flotilla.partSelectorLabels" . }}
{{ include "flotilla.commonLabels" .root }}
{{- end -}}

{{/* An image from registry, repository, tag and digest. */}}
{{- define "flotilla.imageOf" -}}
{{- $name := .repository -}}
{{- with .registry }}{{- $name = printf "%s/%s" . $name -}}{{- end -}}
{{- with .tag }}{{- $name = printf "%s:%s" $name . -}}{{- end -}}
{{- with .digest }}{{- $name = printf "%s@%s" $name . -}}{{- end -}}
{{- $name -}}
{{- end -}}

{{- define "flotilla.image" -}}
{{- if not .Values.image.repository -}}
{{- fail "image.repository is empty: set it to the image of your app, one that runs `flotilla start`. `make image` builds the example's, and examples/live-counter/values.yaml has its name: helm install demo helm/flotilla -f examples/live-counter/values.yaml" -}}
{{- end -}}
{{- include "flotilla.imageOf" .Values.image -}}
{{- end -}}

{{- define "flotilla.imagePullSecrets" -}}
{{- with (concat (default list (.Values.global).imagePullSecrets) .Values.imagePullSecrets | compact) -}}
imagePullSecrets:
  {{- range . }}
  {{- if kindIs "string" . }}
  - name: {{ . }}
  {{- else }}
  - name: {{ .name }}
  {{- end }}
  {{- end }}
{{- end }}
{{- end -}}
