{{/* Whether the affinity cookie is `Secure`, and its SameSite, in the words of each controller. */}}
{{- define "flotilla.affinitySecure" -}}
{{- (include "flotilla.address" . | fromJson).secure -}}
{{- end -}}

{{/* How long a request may take that is no socket: a poll waits for as long as the ping interval. In seconds. */}}
{{- define "flotilla.requestTimeoutSeconds" -}}
{{- max 60 (mul 2 (include "flotilla.pingSeconds" . | int)) -}}
{{- end -}}

{{- define "flotilla.serviceStickiness" -}}
{{- $cookie := .Values.stickiness.cookie -}}
{{- $secure := eq (include "flotilla.affinitySecure" .) "true" -}}
{{- if eq .Values.stickiness.mode "traefik" -}}
traefik.ingress.kubernetes.io/service.sticky.cookie: "true"
traefik.ingress.kubernetes.io/service.sticky.cookie.name: {{ $cookie.name | quote }}
traefik.ingress.kubernetes.io/service.sticky.cookie.httponly: "true"
traefik.ingress.kubernetes.io/service.sticky.cookie.path: /
traefik.ingress.kubernetes.io/service.sticky.cookie.secure: {{ $secure | quote }}
traefik.ingress.kubernetes.io/service.sticky.cookie.samesite: {{ ternary "none" "lax" $cookie.crossSite }}
{{- if $cookie.maxAgeSeconds }}
traefik.ingress.kubernetes.io/service.sticky.cookie.maxage: {{ $cookie.maxAgeSeconds | int | quote }}
{{- end }}
{{- else if eq .Values.stickiness.mode "haproxytech" -}}
haproxy.org/cookie-persistence: {{ $cookie.name | quote }}
haproxy.org/timeout-server: {{ include "flotilla.requestTimeoutSeconds" . }}s
{{- else if and (eq .Values.stickiness.mode "gke") .Values.ingress.enabled -}}
cloud.google.com/backend-config: {{ dict "default" (include "flotilla.fullname" .) | toJson | quote }}
cloud.google.com/neg: {{ dict "ingress" true | toJson | quote }}
{{- end -}}
{{- end -}}

{{- define "flotilla.ingressStickiness" -}}
{{- $cookie := .Values.stickiness.cookie -}}
{{- $secure := eq (include "flotilla.affinitySecure" .) "true" -}}
{{- $idle := include "flotilla.idleTimeoutSeconds" . -}}
{{- if eq .Values.stickiness.mode "nginx" -}}
nginx.ingress.kubernetes.io/affinity: cookie
nginx.ingress.kubernetes.io/affinity-mode: persistent
nginx.ingress.kubernetes.io/session-cookie-name: {{ $cookie.name | quote }}
nginx.ingress.kubernetes.io/session-cookie-path: /
nginx.ingress.kubernetes.io/session-cookie-secure: {{ $secure | quote }}
nginx.ingress.kubernetes.io/session-cookie-samesite: {{ ternary "None" "Lax" $cookie.crossSite }}
{{- if $cookie.maxAgeSeconds }}
nginx.ingress.kubernetes.io/session-cookie-max-age: {{ $cookie.maxAgeSeconds | int | quote }}
{{- end }}
nginx.ingress.kubernetes.io/session-cookie-change-on-failure: "true"
nginx.ingress.kubernetes.io/proxy-read-timeout: {{ $idle | quote }}
nginx.ingress.kubernetes.io/proxy-send-timeout: {{ $idle | quote }}
{{- else if eq .Values.stickiness.mode "haproxy-ingress" -}}
haproxy-ingress.github.io/affinity: cookie
haproxy-ingress.github.io/session-cookie-name: {{ $cookie.name | quote }}
haproxy-ingress.github.io/session-cookie-strategy: insert
haproxy-ingress.github.io/session-cookie-keywords: indirect nocache httponly{{ if and $secure (not $cookie.crossSite) }} secure{{ end }}
{{- if $cookie.crossSite }}
haproxy-ingress.github.io/session-cookie-same-site: "true"
{{- end }}
haproxy-ingress.github.io/timeout-server: {{ include "flotilla.requestTimeoutSeconds" . }}s
haproxy-ingress.github.io/timeout-tunnel: {{ $idle }}s
{{- else if eq .Values.stickiness.mode "alb" -}}
alb.ingress.kubernetes.io/target-type: ip
alb.ingress.kubernetes.io/target-group-attributes: stickiness.enabled=true,stickiness.type=lb_cookie,stickiness.lb_cookie.duration_seconds={{ $cookie.maxAgeSeconds | default 86400 | int }},deregistration_delay.timeout_seconds={{ include "flotilla.balancerDrainSeconds" . }}
alb.ingress.kubernetes.io/load-balancer-attributes: idle_timeout.timeout_seconds={{ min 4000 ($idle | int) }}
alb.ingress.kubernetes.io/healthcheck-protocol: HTTP
alb.ingress.kubernetes.io/healthcheck-port: {{ .Values.ops.port | quote }}
alb.ingress.kubernetes.io/healthcheck-path: /readyz
alb.ingress.kubernetes.io/healthcheck-interval-seconds: "5"
alb.ingress.kubernetes.io/healthcheck-timeout-seconds: "3"
alb.ingress.kubernetes.io/success-codes: "200"
{{- end -}}
{{- end -}}

{{/* How long a balancer may let connections to a pod that leaves be: as long as the pod lives. In seconds. */}}
{{- define "flotilla.balancerDrainSeconds" -}}
{{- include "flotilla.graceSeconds" . -}}
{{- end -}}
