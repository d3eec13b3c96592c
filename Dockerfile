FROM node:24-slim

ENV NODE_ENV=production HOST=0.0.0.0 DATA_DIR=/data NODE_COMPILE_CACHE=/app/.compile-cache
WORKDIR /app

COPY package.json package-lock.json ./
# The image brings its own Node and needs no tools: neither optional nor dev packages.
RUN npm ci --omit=dev --omit=optional && npm cache clean --force
COPY src ./src
# Without settings the start ends at once, with everything compiled: later starts read that from the cache.
RUN ! node --max-semi-space-size=2 --heap-growing-percent=30 --initial-old-space-size=24 src/main.ts 2>/dev/null && test -d .compile-cache

RUN install -d -o node -g node -m 700 /data
VOLUME /data
USER node
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.PORT || 8080) + '/livez').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# What npm start runs: a small young generation, an old one that grows in small steps, and /app/.env if it is mounted.
CMD ["node", "--max-semi-space-size=2", "--heap-growing-percent=30", "--initial-old-space-size=24", "--env-file-if-exists=.env", "src/main.ts"]
