{{/* How clients reach the app, as JSON: hosts, whether each has TLS, whether there is a proxy. */}}
{{- define "flotilla.address" -}}
{{- $origins := list -}}
{{- $proxied := false -}}
{{- $insecure := false -}}
{{- if .Values.ingress.enabled -}}
{{- $proxied = true -}}
{{- $tlsHosts := list -}}
{{- range .Values.ingress.tls }}{{- range .hosts }}{{- $tlsHosts = append $tlsHosts . -}}{{- end }}{{- end -}}
{{- range .Values.ingress.hosts -}}
{{- if has .host $tlsHosts -}}
{{- $origins = append $origins (printf "https://%s" .host) -}}
{{- else -}}
{{- $insecure = true -}}
{{- $origins = append $origins (printf "http://%s" .host) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if .Values.gateway.enabled -}}
{{- $proxied = true -}}
{{- if not .Values.gateway.tls }}{{- $insecure = true -}}{{- end -}}
{{- $scheme := ternary "https" "http" .Values.gateway.tls -}}
{{- range .Values.gateway.hostnames }}{{- $origins = append $origins (printf "%s://%s" $scheme .) -}}{{- end -}}
{{- end -}}
{{- if eq .Values.stickiness.mode "contour" -}}
{{- $proxied = true -}}
{{- $contour := .Values.stickiness.contour -}}
{{- if not $contour.tlsSecretName }}{{- $insecure = true -}}{{- end -}}
{{- with $contour.fqdn }}{{- $origins = append $origins (printf "%s://%s" (ternary "https" "http" (ne $contour.tlsSecretName "")) .) -}}{{- end -}}
{{- end -}}
{{- $derived := $origins -}}
{{- with .Values.origins }}{{- $origins = . -}}{{- end -}}
{{- $secure := and $proxied (not $insecure) -}}
{{- if and (not $proxied) .Values.origins -}}
{{- $secure = true -}}
{{- range .Values.origins }}{{- if not (hasPrefix "https://" .) }}{{- $secure = false -}}{{- end }}{{- end -}}
{{- end -}}
{{- dict "origins" ($origins | uniq) "derived" ($derived | uniq) "proxied" $proxied "secure" $secure | toJson -}}
{{- end -}}

{{/* Pings and the time-out that proxies get, in seconds. */}}
{{- define "flotilla.pingSeconds" -}}
{{- $interval := default 25000 .Values.sockets.pingIntervalMs | int -}}
{{- $timeout := default 20000 .Values.sockets.pingTimeoutMs | int -}}
{{- div (add $interval $timeout 999) 1000 -}}
{{- end -}}

{{- define "flotilla.idleTimeoutSeconds" -}}
{{- $ping := include "flotilla.pingSeconds" . | int -}}
{{- $given := .Values.stickiness.idleTimeoutSeconds -}}
{{- if kindIs "invalid" $given -}}
{{- max 3600 (mul 2 $ping) -}}
{{- else -}}
{{- if le ($given | int) $ping -}}
{{- fail (printf "stickiness.idleTimeoutSeconds is %d, but a healthy socket may be silent for %d s (sockets.pingIntervalMs + sockets.pingTimeoutMs): the proxy would cut it. Raise it above that, better far above, or leave it null." ($given | int) $ping) -}}
{{- end -}}
{{- $given | int -}}
{{- end -}}
{{- end -}}

{{- define "flotilla.cookieSecure" -}}
{{- $cookie := .Values.session.cookie.secure -}}
{{- if kindIs "invalid" $cookie -}}
{{- (include "flotilla.address" . | fromJson).secure -}}
{{- else -}}
{{- $cookie -}}
{{- end -}}
{{- end -}}
