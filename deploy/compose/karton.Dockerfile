# A Karton with services for tries, in the versions that the tests run: `docker build -f karton.Dockerfile -t samplebank-karton .`
FROM python:3.11-slim-bookworm
RUN apt-get update && apt-get install --yes --no-install-recommends libmagic1 && rm -rf /var/lib/apt/lists/*
RUN pip install --no-cache-dir "setuptools<81" \
    karton-core==5.9.1 karton-classifier==2.2.0 karton-archive-extractor==1.5.1 karton-asciimagic==1.2.0
RUN useradd --uid 10002 karton
USER karton
WORKDIR /tmp
CMD ["karton-system", "--setup-bucket"]
