{{/* Settings that are no secret: they lie in the ConfigMap. */}}
{{- define "flotilla.settings" -}}
{{- $address := include "flotilla.address" . | fromJson -}}
NODE_ENV: {{ .Values.nodeEnv | quote }}
PORT: {{ .Values.containerPort | quote }}
FLOTILLA_WORKERS: {{ .Values.workers | quote }}
FLOTILLA_DRAIN_DELAY_MS: {{ mul .Values.drain.delaySeconds 1000 | quote }}
FLOTILLA_DRAIN_WINDOW_MS: {{ mul .Values.drain.windowSeconds 1000 | quote }}
FLOTILLA_GRACE_MS: {{ mul (include "flotilla.graceSeconds" . | int) 1000 | quote }}
FLOTILLA_OPS_PORT: {{ .Values.ops.port | quote }}
FLOTILLA_OPS_HOST: {{ .Values.ops.host | quote }}
FLOTILLA_READINESS_REDIS: {{ .Values.ops.readinessRedis | quote }}
FLOTILLA_RECYCLE_AT_PERCENT: {{ .Values.recycleAtPercent | quote }}
FLOTILLA_REBALANCE_PERCENT: {{ .Values.rebalancePercent | quote }}
{{- with .Values.maxOldSpaceMb }}
FLOTILLA_MAX_OLD_SPACE_MB: {{ . | quote }}
{{- end }}
FLOTILLA_RELEASE: {{ include "flotilla.image" . | quote }}
{{- if include "flotilla.hasRedis" . }}
FLOTILLA_NAMESPACE: {{ include "flotilla.redisNamespace" . | quote }}
{{- if .Values.redis.required }}
FLOTILLA_REDIS_REQUIRED: "true"
{{- end }}
{{- with .Values.redis.tls }}
{{- if .existingSecret }}
{{- with .caKey }}
FLOTILLA_REDIS_CA: /etc/flotilla/redis/{{ . }}
{{- end }}
{{- with .certKey }}
FLOTILLA_REDIS_CERT: /etc/flotilla/redis/{{ . }}
{{- end }}
{{- with .keyKey }}
FLOTILLA_REDIS_KEY: /etc/flotilla/redis/{{ . }}
{{- end }}
{{- end }}
{{- with .serverName }}
FLOTILLA_REDIS_SERVERNAME: {{ . | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- if .Values.peer.enabled }}
FLOTILLA_PEER_PORT: {{ .Values.peer.port | quote }}
{{- if .Values.peer.tls.existingSecret }}
FLOTILLA_PEER_TLS_CERT: /etc/flotilla/peer/tls.crt
FLOTILLA_PEER_TLS_KEY: /etc/flotilla/peer/tls.key
FLOTILLA_PEER_TLS_CA: /etc/flotilla/peer/ca.crt
{{- end }}
{{- end }}
{{- if not (kindIs "invalid" .Values.limits.maxConnections) }}
FLOTILLA_MAX_CONNECTIONS: {{ .Values.limits.maxConnections | int | quote }}
{{- end }}
{{- with .Values.limits.proxyProtocolFrom }}
FLOTILLA_PROXY_PROTOCOL_FROM: {{ join "," . | quote }}
{{- end }}
{{- if .Values.sails.configure }}
{{- $trustProxy := .Values.trustProxy }}
sails_http__trustProxy: {{ ternary $address.proxied $trustProxy (kindIs "invalid" $trustProxy) | toJson | quote }}
sails_session__cookie__secure: {{ include "flotilla.cookieSecure" . | quote }}
sails_sockets__path: {{ .Values.sockets.path | quote }}
{{- with $address.origins }}
sails_sockets__onlyAllowOrigins: {{ toJson . | quote }}
{{- end }}
{{- with .Values.sockets.transports }}
sails_sockets__transports: {{ toJson . | quote }}
{{- end }}
{{- with .Values.sockets.pingIntervalMs }}
sails_sockets__pingInterval: {{ . | int | quote }}
{{- end }}
{{- with .Values.sockets.pingTimeoutMs }}
sails_sockets__pingTimeout: {{ . | int | quote }}
{{- end }}
{{- with .Values.redis.link }}
sails_flotilla__link: {{ . | quote }}
{{- end }}
{{- $age := .Values.limits.maxConnectionAgeMs }}
{{- if and (kindIs "invalid" $age) (include "flotilla.isScaled" .) }}
{{- $age = 3600000 }}
{{- end }}
{{- if not (kindIs "invalid" $age) }}
sails_flotilla__maxConnectionAgeMs: {{ $age | int | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "flotilla.redisNamespace" -}}
{{- default (printf "%s-%s" .Release.Namespace (include "flotilla.fullname" .)) .Values.redis.namespace -}}
{{- end -}}

{{- /* Those of the chart that `extraEnv` does not name. With both in the list the first one would stay at an upgrade, since Kubernetes merges
       such lists by name. */}}
{{- define "flotilla.env" -}}
{{- $extra := .Values.extraEnv }}
{{- if not $extra }}
{{- include "flotilla.ownEnv" . }}
{{- else }}
{{- $names := list }}
{{- range $extra }}{{ $names = append $names .name }}{{ end }}
{{- $env := list }}
{{- range include "flotilla.ownEnv" . | fromYamlArray }}
{{- if not (has .name $names) }}{{ $env = append $env . }}{{ end }}
{{- end }}
{{- toYaml (concat $env $extra) }}
{{- end }}
{{- end -}}

{{- define "flotilla.ownEnv" -}}
- name: FLOTILLA_POD_NAME
  valueFrom: { fieldRef: { fieldPath: metadata.name } }
{{- if .Values.peer.enabled }}
- name: FLOTILLA_POD_IP
  valueFrom: { fieldRef: { fieldPath: status.podIP } }
{{- end }}
{{- with include "flotilla.sessionSecretName" . }}
{{- $secret := . }}
{{- with $.Values.session.secretKeys }}
{{- if $.Values.sails.configure }}
- name: sails_session__secret
  valueFrom: { secretKeyRef: { name: {{ $secret }}, key: {{ .session }} } }
{{- end }}
- name: FLOTILLA_OPS_TOKEN
  valueFrom: { secretKeyRef: { name: {{ $secret }}, key: {{ .ops }}, optional: true } }
- name: FLOTILLA_PROBE_TOKEN
  valueFrom: { secretKeyRef: { name: {{ $secret }}, key: {{ .probe }}, optional: true } }
- name: FLOTILLA_PEER_SECRET
  valueFrom: { secretKeyRef: { name: {{ $secret }}, key: {{ .peer }}, optional: true } }
- name: FLOTILLA_BUS_SECRET
  valueFrom: { secretKeyRef: { name: {{ $secret }}, key: {{ .bus }}, optional: true } }
{{- end }}
{{- end }}
{{- if .Values.redis.embedded.enabled }}
- name: FLOTILLA_REDIS_PASSWORD
  valueFrom: { secretKeyRef: { name: {{ include "flotilla.redisSecretName" . }}, key: redis-password } }
- name: FLOTILLA_REDIS_URL
  value: redis://{{ include "flotilla.fullname" . }}-redis:6379
{{- else if .Values.redis.existingSecret }}
- name: FLOTILLA_REDIS_URL
  valueFrom: { secretKeyRef: { name: {{ .Values.redis.existingSecret }}, key: {{ .Values.redis.existingSecretKey }} } }
{{- with .Values.redis.passwordKey }}
- name: FLOTILLA_REDIS_PASSWORD
  valueFrom: { secretKeyRef: { name: {{ $.Values.redis.existingSecret }}, key: {{ . }} } }
{{- end }}
{{- else if .Values.redis.url }}
- name: FLOTILLA_REDIS_URL
  valueFrom: { secretKeyRef: { name: {{ include "flotilla.fullname" . }}-redis-url, key: redis-url } }
{{- end }}
{{- if .Values.postgresql.embedded.enabled }}
- name: POSTGRES_PASSWORD
  valueFrom: { secretKeyRef: { name: {{ include "flotilla.postgresqlSecretName" . }}, key: postgres-password } }
- name: DATABASE_URL
  value: postgres://app:$(POSTGRES_PASSWORD)@{{ include "flotilla.fullname" . }}-postgresql:5432/{{ .Values.postgresql.embedded.database }}
{{- end }}
{{- end -}}

{{- define "flotilla.redisSecretName" -}}
{{- default (printf "%s-redis" (include "flotilla.fullname" .)) .Values.redis.embedded.existingSecret -}}
{{- end -}}

{{- define "flotilla.postgresqlSecretName" -}}
{{- default (printf "%s-postgresql" (include "flotilla.fullname" .)) .Values.postgresql.embedded.existingSecret -}}
{{- end -}}

{{/* What a Secret already holds under a key, else a new value: an upgrade keeps passwords. Takes a dict of root, secret, key and length. */}}
{{- define "flotilla.keptOrNew" -}}
{{- $found := lookup "v1" "Secret" .root.Release.Namespace .secret -}}
{{- $value := "" -}}
{{- with $found }}{{- $value = index (default dict .data) $.key | default "" -}}{{- end -}}
{{- if $value -}}{{ $value }}{{- else -}}{{ randAlphaNum .length | b64enc }}{{- end -}}
{{- end -}}

{{/*
Secrets whose change rolls the pods: those named in values as they are in the cluster, and what values hold themselves.
Secrets that the chart made are kept by upgrades.
*/}}
{{- define "flotilla.secretData" -}}
{{- $data := list -}}
{{- range list .Values.session.existingSecret .Values.redis.existingSecret .Values.redis.tls.existingSecret .Values.peer.tls.existingSecret -}}
{{- if . -}}
{{- with lookup "v1" "Secret" $.Release.Namespace . }}{{- $data = append $data .data -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- with .Values.redis.url }}{{- $data = append $data . -}}{{- end -}}
{{- with $data }}{{ toJson . }}{{- end -}}
{{- end -}}
