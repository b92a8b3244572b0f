# An app of this repository on `flotilla start`: by default the live counter, `--build-arg APP=folder` for another.
# docs/image.md has a Dockerfile for an app in a repository of its own.
ARG NODE_VERSION=22

FROM docker.io/library/node:${NODE_VERSION}-bookworm AS package
WORKDIR /package
COPY package.json package-lock.json ./
# Without scripts: `prepare` would build before there are sources.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN npm run --silent build && mkdir /packed && npm pack --silent --ignore-scripts --pack-destination /packed

FROM docker.io/library/node:${NODE_VERSION}-bookworm AS app
ARG APP=examples/live-counter
ENV NODE_ENV=production
WORKDIR /app
# Packages first, so that a change of the app alone, or of this package, does not install (and compile) them anew. A `file:` link to
# this package would lead out of the image: it is installed from its archive, as from a registry.
COPY ${APP}/package.json ${APP}/package-lock.json ./
COPY scripts/unlink-package.mjs /packed/
RUN node /packed/unlink-package.mjs && npm ci --omit=dev --no-audit --no-fund
COPY --from=package /packed /packed
RUN npm install --omit=dev --no-audit --no-fund /packed/*.tgz
# The app's package.json as it is in the repository again, which is fine: nothing is installed after this.
COPY ${APP} .

FROM docker.io/library/node:${NODE_VERSION}-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=app /app /app
# A number, since `runAsNonRoot` cannot tell of a name whether it is root; the files are root's, so the app cannot change them.
USER 1000:1000
EXPOSE 1337 9090 9091
# No shell and no npm in between: the launcher is the first process and has the signals itself.
ENTRYPOINT ["node", "node_modules/sails-hook-flotilla/bin/flotilla.js"]
CMD ["start"]
