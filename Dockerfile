# dnsguard on Python's own small image: what requirements/ pins by its hashes, and dnsguard's wheel. For every builder: no
# BuildKit needed. Two builds of one commit on one base have the same layers; SOURCE_DATE_EPOCH is the time of their files.
ARG BASE=python:3.13-slim-bookworm

FROM $BASE AS build
ARG SOURCE_DATE_EPOCH=1764547200
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_COMPILE=1 PIP_QUIET=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY requirements requirements
RUN python3 -m venv tools && python3 -m venv --without-pip /opt/dnsguard \
 && tools/bin/pip install --require-hashes -r requirements/tools.txt \
 && tools/bin/pip --python /opt/dnsguard/bin/python install --require-hashes -r requirements/runtime.txt
COPY . .
# What Python compiled is never checked against the source again: nothing can be written there, and files have one time.
RUN tools/bin/hatchling build -t wheel \
 && tools/bin/pip --python /opt/dnsguard/bin/python install --no-deps --no-index dist/*.whl \
 && python3 -m compileall -q -s / --invalidation-mode unchecked-hash /opt/dnsguard/lib \
 && mkdir -p /image/opt && mv /opt/dnsguard /image/opt \
 && find /image -exec touch --no-dereference --date=@$SOURCE_DATE_EPOCH {} +

FROM $BASE
ARG REVISION=
LABEL org.opencontainers.image.title=dnsguard \
      org.opencontainers.image.description="Egress control by domain name, CIDR and label" \
      org.opencontainers.image.version=0.1.0 \
      org.opencontainers.image.revision=$REVISION \
      org.opencontainers.image.licenses=Apache-2.0
COPY --from=build /image /
ENV PATH=/opt/dnsguard/bin:$PATH PYTHONDONTWRITEBYTECODE=1
HEALTHCHECK --interval=10s --timeout=10s --start-period=60s CMD ["dnsguard", "status"]
ENTRYPOINT ["dnsguard"]
CMD ["run"]
