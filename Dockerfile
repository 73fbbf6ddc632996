# dupfind for the CPU: docker build -t dupfind . && docker run --rm -v ~/Pictures:/photos dupfind find /photos
# The library is kept beside the photos, in /photos/.dupfind.
FROM python:3.12-slim

RUN apt-get update \
    && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*
RUN pip install --no-cache-dir uv
COPY . /src
# faiss-gpu and PyTorch with CUDA are several GB that a machine without a GPU has no use for.
RUN echo "faiss-gpu ; python_version < '3'" > /no-gpu.txt \
    && uv pip install --system --no-cache faiss-cpu /src --overrides /no-gpu.txt --torch-backend cpu

WORKDIR /photos
ENV DUPFIND_LIBRARY=/photos/.dupfind
ENTRYPOINT ["dupfind"]
CMD ["--help"]
