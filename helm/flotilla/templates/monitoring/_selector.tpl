{{/* The series of this release's pods. */}}
{{- define "flotilla.series" -}}
namespace={{ .Release.Namespace | quote }},pod=~"{{ include "flotilla.fullname" . }}-.+"
{{- end -}}
