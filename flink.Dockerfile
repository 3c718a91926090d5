# Apache Flink with Vigil's job: job manager, task managers and the submission, by an ordinary user.
FROM maven:3.9.11-eclipse-temurin-17 AS jars
COPY vigil/servers/flink.pom.xml pom.xml
RUN mvn -q -B dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory=/jars

FROM python:3.11.14-slim-bookworm
RUN apt-get update \
 && apt-get install --yes --no-install-recommends curl openjdk-17-jre-headless procps \
 && rm -rf /var/lib/apt/lists/*
RUN pip install --no-cache-dir uv==0.13.9 && useradd --create-home --uid 1000 vigil
WORKDIR /opt/vigil
COPY vigil/stream/flink/requirements.lock .
RUN uv pip install --system --no-cache --require-hashes --requirement requirements.lock
ENV FLINK_HOME=/usr/local/lib/python3.11/site-packages/pyflink PYTHONPATH=/opt/vigil
ENV PATH=${FLINK_HOME}/bin:${PATH}
COPY --from=jars /jars/ ${FLINK_HOME}/lib/
COPY vigil vigil
RUN cp ${FLINK_HOME}/opt/flink-python-*.jar ${FLINK_HOME}/lib/ \
 && mkdir -p /var/lib/flink /var/lib/vigil \
 && chown -R vigil:vigil /var/lib/flink /var/lib/vigil ${FLINK_HOME}/conf ${FLINK_HOME}/log
USER vigil
VOLUME /var/lib/flink
CMD ["python", "-m", "vigil.stream.flink", "--help"]
