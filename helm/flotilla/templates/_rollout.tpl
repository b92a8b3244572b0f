{{/* How long a stop may take in all, in seconds: FLOTILLA_GRACE_MS. */}}
{{- define "flotilla.graceSeconds" -}}
{{- with .Values.drain -}}
{{- add .delaySeconds .windowSeconds .requestTimeoutSeconds .closeSeconds -}}
{{- end -}}
{{- end -}}

{{- define "flotilla.terminationGracePeriodSeconds" -}}
{{- $needed := add 5 (include "flotilla.graceSeconds" . | int) | int -}}
{{- $given := .Values.terminationGracePeriodSeconds -}}
{{- if kindIs "invalid" $given -}}
{{- $needed -}}
{{- else if lt ($given | int) $needed -}}
{{- fail (printf "terminationGracePeriodSeconds is %d, but a stop may take %d s (drain.delaySeconds %d + windowSeconds %d + requestTimeoutSeconds %d + closeSeconds %d + 5): pods would be killed while they drain. Leave terminationGracePeriodSeconds null, or lower drain." ($given | int) $needed (.Values.drain.delaySeconds | int) (.Values.drain.windowSeconds | int) (.Values.drain.requestTimeoutSeconds | int) (.Values.drain.closeSeconds | int)) -}}
{{- else -}}
{{- $given | int -}}
{{- end -}}
{{- end -}}

{{- define "flotilla.isScaled" -}}
{{- if or .Values.autoscaling.enabled .Values.autoscaling.external }}true{{ end -}}
{{- end -}}

{{/* The fewest and the most pods that there may be. */}}
{{- define "flotilla.minPods" -}}
{{- if include "flotilla.isScaled" . }}{{ .Values.autoscaling.minReplicas }}{{ else }}{{ .Values.replicaCount }}{{ end -}}
{{- end -}}

{{- define "flotilla.maxPods" -}}
{{- if include "flotilla.isScaled" . }}{{ .Values.autoscaling.maxReplicas }}{{ else }}{{ .Values.replicaCount }}{{ end -}}
{{- end -}}

{{- define "flotilla.hasRedis" -}}
{{- if or .Values.redis.url .Values.redis.existingSecret .Values.redis.embedded.enabled -}}true{{- end -}}
{{- end -}}

{{/* Requests and limits that follow from the number of processes, where none are given. */}}
{{- define "flotilla.resources" -}}
{{- if .Values.resources -}}
{{ toYaml .Values.resources }}
{{- else -}}
{{- $processes := add .Values.workers 1 -}}
requests:
  cpu: {{ mul .Values.workers 250 }}m
  memory: {{ mul $processes 128 }}Mi
limits:
  memory: {{ mul $processes 256 }}Mi
{{- end -}}
{{- end -}}
