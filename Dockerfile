# Two images from one file: `--target mcp` is the MCP server over HTTP, and the last one, so the default, is the host of
# the API. docs/containers.md has the lines that build and run them.
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
ARG EXTRAS=host
WORKDIR /source
COPY pyproject.toml hatch_build.py constraints.txt README.md LICENSE ./
COPY scripts/release.py ./scripts/
COPY img402_mcp ./img402_mcp
# --compile: the container's file system is read-only, so no start could keep the bytecode that it made.
RUN python3 -m venv /opt/img402 \
 && /opt/img402/bin/pip install --no-cache-dir --compile -c constraints.txt ".[$EXTRAS]" \
 && /opt/img402/bin/pip uninstall --yes pip

FROM ${BASE} AS runtime
# The slim images come without the bytecode of Python's own library, which is read at each start as well.
RUN python3 -c "import compileall, re, sysconfig; compileall.compile_dir(sysconfig.get_path('stdlib'), quiet=2, rx=re.compile('site-packages|/test|idlelib|lib2to3'))" \
 && install -d -o 4020 -g 4020 -m 0700 /data
COPY --from=build /opt/img402 /opt/img402
# A number: it needs no entry in /etc/passwd, and Kubernetes can see that it is not root.
USER 4020:4020
ENV HOME=/data PYTHONDONTWRITEBYTECODE=1
WORKDIR /data
VOLUME /data

FROM runtime AS mcp
ENV IMG402_ALLOW_DIRS=/images IMG402_STATE_DIR=/data
EXPOSE 8402
# The short form would hide signals behind a shell.
ENTRYPOINT ["/opt/img402/bin/img402-mcp", "serve", "--transport", "streamable-http", "--host", "0.0.0.0"]
# Any answer will do: without a token, and at this name, it is a refusal.
HEALTHCHECK --interval=30s --timeout=12s CMD ["/opt/img402/bin/python", "-c", "import http.client as it; at = it.HTTPConnection('127.0.0.1', 8402, timeout=10); at.request('GET', '/mcp'); at.getresponse()"]

FROM runtime AS host
ENV IMG402_HOST_DATA=/data
EXPOSE 4020
ENTRYPOINT ["/opt/img402/bin/img402-mcp", "host", "--host", "0.0.0.0"]
HEALTHCHECK --interval=30s --timeout=12s CMD ["/opt/img402/bin/python", "-c", "import urllib.request as it; it.urlopen('http://127.0.0.1:4020/healthz', timeout=10)"]
