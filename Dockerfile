# The page as a container: docker build -t tokendial . ; docker run --read-only --tmpfs /tmp -p 7860:7860 tokendial
FROM python:3.12-slim
RUN useradd --create-home --uid 1000 tokendial
WORKDIR /app
COPY requirements.lock pyproject.toml setup.py README.md LICENSE ./
COPY tokenizer_core tokenizer_core
COPY demo demo
COPY checkpoints checkpoints
RUN pip install --no-cache-dir --disable-pip-version-check -c requirements.lock pip setuptools \
 && pip install --no-cache-dir --disable-pip-version-check -c requirements.lock --no-build-isolation -e .
USER tokendial
# The root file system may be read-only: what is written goes to /tmp, uploads first.
ENV GRADIO_TEMP_DIR=/tmp/tokendial HOME=/tmp MPLCONFIGDIR=/tmp/matplotlib PYTHONDONTWRITEBYTECODE=1
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=3s --start-period=60s CMD \
  ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:7860/health', timeout=2)"]
CMD ["tokendial", "demo", "--host", "0.0.0.0", "--port", "7860"]
