{{/* Combinations that can't work, each with what to change. */}}
{{- define "flotilla.checks" -}}
{{- $pods := include "flotilla.maxPods" . | int -}}
{{- $address := include "flotilla.address" . | fromJson -}}
{{- $image := include "flotilla.image" . -}}

{{- if and (eq .Values.nodeEnv "production") .Values.sails.configure (not (include "flotilla.sessionSecretName" .)) -}}
{{- fail "session.existingSecret is empty: in production Sails does not lift without a session secret. Make one (kubectl create secret generic my-app-session --from-literal=session-secret=\"$(openssl rand -hex 32)\") and name it; for a trial set session.generate to true." -}}
{{- end -}}
{{- if and .Values.session.existingSecret .Values.session.generate -}}
{{- fail (printf "session.existingSecret is %q and session.generate is true: only one of them can say where the secret comes from. Set session.generate to false." .Values.session.existingSecret) -}}
{{- end -}}
{{- if and (eq .Values.nodeEnv "production") .Values.sails.configure (not $address.origins) -}}
{{- fail "origins is empty, and no ingress, gateway or HTTPProxy names a host: every socket would be refused. Set origins to where the page is served from, e.g. [\"https://counter.example.com\"], or give ingress.hosts (gateway.hostnames, stickiness.contour.fqdn)." -}}
{{- end -}}
{{- range $address.origins -}}
{{- if contains "*" . -}}
{{- fail (printf "%q is no origin: a pattern can't be one. Set origins to the addresses of the pages, e.g. [\"https://counter.example.com\"]." .) -}}
{{- end -}}
{{- end -}}

{{- if and (gt $pods 1) (not (include "flotilla.hasRedis" .)) -}}
{{- fail (printf "%s is %d and there is no Redis: clients of different pods would not hear each other, nor share sessions. Set redis.existingSecret (or redis.url; redis.embedded.enabled for a trial), or keep to one pod." (ternary "autoscaling.maxReplicas" "replicaCount" (eq (include "flotilla.isScaled" .) "true")) $pods) -}}
{{- end -}}
{{- $redis := 0 -}}
{{- range list .Values.redis.url .Values.redis.existingSecret .Values.redis.embedded.enabled }}{{- if . }}{{- $redis = add1 $redis -}}{{- end }}{{- end -}}
{{- if gt ($redis | int) 1 -}}
{{- fail "More than one of redis.url, redis.existingSecret and redis.embedded.enabled is set: choose one." -}}
{{- end -}}
{{- if and .Values.redis.url .Values.redis.tls.existingSecret (not (hasPrefix "rediss" .Values.redis.url)) -}}
{{- fail "redis.tls.existingSecret is set, but redis.url does not speak TLS: write rediss:// (rediss+sentinel://, rediss+cluster://), or leave redis.tls out." -}}
{{- end -}}

{{- $websocketOnly := eq (join "," .Values.sockets.transports) "websocket" -}}
{{- if and (gt $pods 1) (eq .Values.stickiness.mode "none") (not .Values.peer.enabled) (not $websocketOnly) -}}
{{- fail "Polling can't work: stickiness.mode is \"none\", peer.enabled is false, and sockets.transports does not rule polling out, so a client's requests reach pods that do not know it. Set peer.enabled to true, or a stickiness.mode, or sockets.transports to [websocket]." -}}
{{- end -}}
{{- if and (gt $pods 1) (has .Values.stickiness.mode (list "contour" "istio" "gke" "envoy-gateway")) (not .Values.peer.enabled) (not $websocketOnly) -}}
{{- fail (printf "stickiness.mode %q hashes: when pods come or go, it sends clients to other pods, and only pod routing saves their polls. Set peer.enabled to true, or sockets.transports to [websocket]." .Values.stickiness.mode) -}}
{{- end -}}

{{- include "flotilla.checkStickiness" . -}}
{{- include "flotilla.checkAutoscaling" . -}}
{{- $grace := include "flotilla.terminationGracePeriodSeconds" . -}}
{{- $idle := include "flotilla.idleTimeoutSeconds" . -}}

{{- if and .Values.metrics.podMonitor.enabled .Values.metrics.serviceMonitor.enabled -}}
{{- fail "metrics.podMonitor.enabled and metrics.serviceMonitor.enabled are both true: each pod would be scraped twice. Set one of them to false." -}}
{{- end -}}
{{- if and .Values.loadtest.enabled (eq .Values.loadtest.engine "k6") (not .Values.loadtest.k6.image) -}}
{{- fail "loadtest.engine is \"k6\" and loadtest.k6.image is empty: set it, e.g. to docker.io/grafana/k6:2.3.0, or set loadtest.engine to \"runner\"." -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) -}}
{{- fail "ingress.enabled is true and ingress.hosts is empty: give one, e.g. [{ host: counter.example.com, paths: [{ path: /, pathType: Prefix }] }]." -}}
{{- end -}}
{{- range .Values.ingress.hosts -}}
{{- $covered := false -}}
{{- range .paths -}}
{{- $path := trimSuffix "/" .path -}}
{{- if or (eq .pathType "ImplementationSpecific") (eq $path "") (eq $path $.Values.sockets.path) (hasPrefix (printf "%s/" $path) $.Values.sockets.path) -}}
{{- $covered = or $covered (ne .pathType "Exact") -}}
{{- end -}}
{{- end -}}
{{- if and $.Values.ingress.enabled (not $covered) -}}
{{- fail (printf "No path of ingress host %q covers sockets.path %q: sockets would not reach the app. Add { path: %s, pathType: Prefix }." .host $.Values.sockets.path $.Values.sockets.path) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.gateway.enabled (not .Values.gateway.parentRefs) -}}
{{- fail "gateway.enabled is true and gateway.parentRefs is empty: name the Gateway, e.g. [{ name: public, namespace: gateways }]." -}}
{{- end -}}
{{- $ports := list (.Values.containerPort | int) (.Values.ops.port | int) -}}
{{- if .Values.peer.enabled }}{{- $ports = append $ports (.Values.peer.port | int) -}}{{- end -}}
{{- if ne (len $ports) (len ($ports | uniq)) -}}
{{- fail (printf "containerPort %d, ops.port %d and peer.port %d must differ." (.Values.containerPort | int) (.Values.ops.port | int) (.Values.peer.port | int)) -}}
{{- end -}}
{{- end -}}

{{- define "flotilla.checkStickiness" -}}
{{- $mode := .Values.stickiness.mode -}}
{{- $modes := list "none" "service" "traefik" "haproxytech" "haproxy-ingress" "nginx" "contour" "istio" "alb" "gke" "envoy-gateway" "gateway" -}}
{{- if not (has $mode $modes) -}}
{{- fail (printf "stickiness.mode %q is unknown: it is one of %s." $mode (join ", " $modes)) -}}
{{- end -}}
{{- if and (has $mode (list "traefik" "haproxytech" "haproxy-ingress" "nginx" "alb")) (not .Values.ingress.enabled) -}}
{{- fail (printf "stickiness.mode %q is for an Ingress, and ingress.enabled is false: set it to true, or choose another mode." $mode) -}}
{{- end -}}
{{- if eq $mode "contour" -}}
{{- if .Values.ingress.enabled -}}
{{- fail "stickiness.mode \"contour\" makes an HTTPProxy in place of the Ingress: set ingress.enabled to false and stickiness.contour.fqdn to the host." -}}
{{- end -}}
{{- if not .Values.stickiness.contour.fqdn -}}
{{- fail "stickiness.mode \"contour\" needs a host: set stickiness.contour.fqdn." -}}
{{- end -}}
{{- end -}}
{{- if and (has $mode (list "envoy-gateway" "gateway")) (not .Values.gateway.enabled) -}}
{{- fail (printf "stickiness.mode %q needs the HTTPRoute: set gateway.enabled to true and gateway.parentRefs." $mode) -}}
{{- end -}}
{{- if eq $mode "gke" -}}
{{- if not (or .Values.ingress.enabled .Values.gateway.enabled) -}}
{{- fail "stickiness.mode \"gke\" needs ingress.enabled (it makes a BackendConfig) or gateway.enabled (a GCPBackendPolicy): set one of them to true." -}}
{{- end -}}
{{- if and .Values.ingress.enabled .Values.gateway.enabled -}}
{{- fail "stickiness.mode \"gke\": ingress.enabled and gateway.enabled are both true, and a Service can have a BackendConfig or a GCPBackendPolicy, not both. Set one of them to false." -}}
{{- end -}}
{{- end -}}
{{- if eq $mode "gateway" -}}
{{- if not .Values.stickiness.sessionPersistence -}}
{{- fail "stickiness.mode \"gateway\" needs stickiness.sessionPersistence, as your version of the Gateway API writes it, e.g. { sessionName: flotilla-pod, type: Cookie }." -}}
{{- end -}}
{{- $crd := lookup "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" "httproutes.gateway.networking.k8s.io" -}}
{{- if $crd -}}
{{- $channel := dig "metadata" "annotations" "gateway.networking.k8s.io/channel" "" $crd -}}
{{- if eq $channel "standard" -}}
{{- fail "stickiness.mode \"gateway\": this cluster has the Gateway API's standard channel, which drops sessionPersistence without a word. Install the experimental channel's CRDs, or choose another stickiness.mode." -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and .Values.stickiness.cookie.crossSite (not (include "flotilla.address" . | fromJson).secure) -}}
{{- fail "stickiness.cookie.crossSite is true and the app is not reached by TLS: browsers drop such cookies. Set ingress.tls (gateway.tls, stickiness.contour.tlsSecretName), or crossSite to false." -}}
{{- end -}}
{{- end -}}

{{- define "flotilla.checkAutoscaling" -}}
{{- with .Values.autoscaling -}}
{{- if and .enabled .external -}}
{{- fail "autoscaling.enabled and autoscaling.external are both true: two would scale one Deployment. Set one of them to false." -}}
{{- end -}}
{{- if .enabled -}}
{{- if gt (.minReplicas | int) (.maxReplicas | int) -}}
{{- fail (printf "autoscaling.minReplicas is %d, more than autoscaling.maxReplicas, %d." (.minReplicas | int) (.maxReplicas | int)) -}}
{{- end -}}
{{- if not (or .targetCPUUtilizationPercentage .targetMemoryUtilizationPercentage .sockets.target .extraMetrics) -}}
{{- fail "autoscaling.enabled is true, and there is nothing to scale by: set autoscaling.targetCPUUtilizationPercentage, autoscaling.sockets.target or autoscaling.extraMetrics." -}}
{{- end -}}
{{- if and .sockets.target (not (or $.Values.metrics.podMonitor.enabled $.Values.metrics.serviceMonitor.enabled $.Values.metrics.scrapeAnnotations)) -}}
{{- fail (printf "autoscaling.sockets.target is %v, but nothing scrapes %s, so the metric is never there: set metrics.podMonitor.enabled (or serviceMonitor.enabled, or scrapeAnnotations) to true, or autoscaling.sockets.target to null." .sockets.target .sockets.metric) -}}
{{- end -}}
{{- $requests := default dict (include "flotilla.resources" $ | fromYaml).requests -}}
{{- if and .targetCPUUtilizationPercentage (not $requests.cpu) -}}
{{- fail "autoscaling.targetCPUUtilizationPercentage is a share of resources.requests.cpu, which is not set: set it, or the target to null." -}}
{{- end -}}
{{- if and .targetMemoryUtilizationPercentage (not $requests.memory) -}}
{{- fail "autoscaling.targetMemoryUtilizationPercentage is a share of resources.requests.memory, which is not set: set it, or the target to null." -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
