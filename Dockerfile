# The portal: docker build .   With the stand-in Ona as well: docker build --target sandbox .

FROM node:22-slim AS assets
WORKDIR /assets
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund && npm run vendor

FROM python:3.13-slim AS packages
WORKDIR /packages
RUN pip install --no-cache-dir uv==0.13.9
COPY requirements.lock ./
RUN uv venv /venv && uv pip sync --no-cache --python /venv/bin/python requirements.lock

FROM packages AS sandbox-packages
COPY requirements-dev.lock ./
RUN uv pip install --no-cache --python /venv/bin/python --constraint requirements-dev.lock \
    gitpod-sdk protovalidate cel-python uvicorn

FROM python:3.13-slim AS base
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN useradd --system --no-create-home --uid 10001 portal
WORKDIR /portal

FROM base AS sandbox
COPY --from=sandbox-packages /venv /venv
COPY portal/__init__.py portal/
COPY portal/sandbox portal/sandbox
RUN mkdir /state && chown portal /state
USER portal
# On loopback only: the portal's containers share its network, and no token leaves it in plain http.
CMD ["python", "-m", "portal.sandbox", "--port", "8001", "--token", "sandbox", "--environments", "300", "--state", "/state/world"]

FROM base AS portal
COPY --from=packages /venv /venv
COPY manage.py openapi.yaml ./
# Each room by name: portal/sandbox and portal/local do not belong to production.
COPY portal/*.py portal/
COPY portal/accounts portal/accounts
COPY portal/api portal/api
COPY portal/directory portal/directory
COPY portal/exports portal/exports
COPY portal/jobs portal/jobs
COPY portal/ledger portal/ledger
COPY portal/lists portal/lists
COPY portal/live portal/live
COPY portal/metrics portal/metrics
COPY portal/ona portal/ona
COPY portal/outbox portal/outbox
COPY portal/palette portal/palette
COPY portal/watching portal/watching
COPY portal/web portal/web
COPY environments environments
COPY automations automations
COPY templates templates
COPY static static
COPY --from=assets /assets/static/vendor static/vendor
# The settings ask for both; neither is used here, and neither stays in the image.
RUN PORTAL_SECRET_KEY=unused DATABASE_URL=postgresql:///unused python manage.py collectstatic --noinput
USER portal
EXPOSE 8000
CMD ["gunicorn", "portal.wsgi", "--bind", "0.0.0.0:8000", "--worker-class", "portal.server.BufferingWorker", "--workers", "2", "--worker-tmp-dir", "/dev/shm", "--no-control-socket"]
