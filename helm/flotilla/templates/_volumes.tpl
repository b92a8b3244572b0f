{{- define "flotilla.volumeMounts" -}}
{{- $mounts := list -}}
{{- range $index, $path := .Values.writablePaths }}
{{- $mounts = append $mounts (dict "name" "writable" "mountPath" $path "subPath" (printf "path-%d" $index)) -}}
{{- end -}}
{{- if and (include "flotilla.hasRedis" .) .Values.redis.tls.existingSecret -}}
{{- $mounts = append $mounts (dict "name" "redis-tls" "mountPath" "/etc/flotilla/redis" "readOnly" true) -}}
{{- end -}}
{{- if and .Values.peer.enabled .Values.peer.tls.existingSecret -}}
{{- $mounts = append $mounts (dict "name" "peer-tls" "mountPath" "/etc/flotilla/peer" "readOnly" true) -}}
{{- end -}}
{{- toYaml (concat $mounts .Values.extraVolumeMounts) -}}
{{- end -}}

{{- define "flotilla.volumes" -}}
{{- $volumes := list -}}
{{- if .Values.writablePaths -}}
{{- $volumes = append $volumes (dict "name" "writable" "emptyDir" (dict "sizeLimit" .Values.writablePathsSizeLimit)) -}}
{{- end -}}
{{- if and (include "flotilla.hasRedis" .) .Values.redis.tls.existingSecret -}}
{{- $volumes = append $volumes (dict "name" "redis-tls" "secret" (dict "secretName" .Values.redis.tls.existingSecret)) -}}
{{- end -}}
{{- if and .Values.peer.enabled .Values.peer.tls.existingSecret -}}
{{- $volumes = append $volumes (dict "name" "peer-tls" "secret" (dict "secretName" .Values.peer.tls.existingSecret)) -}}
{{- end -}}
{{- toYaml (concat $volumes .Values.extraVolumes) -}}
{{- end -}}
