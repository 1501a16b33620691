# syntax=docker/dockerfile:1
# The service with got-nano inside:  docker build -t got-ocr .
# For NVIDIA GPUs:                   docker build -t got-ocr:cuda --build-arg TORCH=cuda .
# docker run -p 5001:5001 -e GOT_OCR_API_KEYS=secret -v got-ocr:/data got-ocr
FROM python:3.12-slim-bookworm

# cpu or cuda: which build of torch.
ARG TORCH=cpu

# The compiler is needed when the service runs: its C code is compiled for the processor that it finds.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev libgomp1 \
    && rm -rf /var/lib/apt/lists/*

# Dependencies change less often than the code, so they have a layer of their own.
COPY docker/install.sh pyproject.toml constraints.txt /src/
RUN sh /src/install.sh dependencies "$TORCH" /opt/got-ocr

COPY README.md LICENSE /src/
COPY got_runtime /src/got_runtime
COPY got_loaders /src/got_loaders
RUN sh /src/install.sh package /opt/got-ocr && rm -rf /src

RUN useradd --uid 10001 --create-home got && install --directory --owner got /data
USER got
ENV PATH=/opt/got-ocr/bin:$PATH \
    XDG_CACHE_HOME=/data/cache \
    XDG_STATE_HOME=/data/state \
    HF_HOME=/data/huggingface
VOLUME /data
EXPOSE 5001

HEALTHCHECK --start-period=60s --interval=30s --timeout=5s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:5001/ready', timeout=4)"]
# SIGTERM lets the service finish what it accepted. Further options follow the image's name: --model stepfun-ai/GOT-OCR-2.0-hf
STOPSIGNAL SIGTERM
ENTRYPOINT ["got-ocr", "serve", "--host", "0.0.0.0", "--cache"]
