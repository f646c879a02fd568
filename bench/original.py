"""The API that the mesh began as, and that the benchmark compares with.

A Flask app with a Spark session of its own that reads the product's Parquet file again for each
request. As such apps do, it runs on Flask's own server.

Usage: python bench/original.py PARQUET PORT
"""

import sys

from flask import Flask, Response, request
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import avg, col, count, sum
from werkzeug.serving import WSGIRequestHandler

app = Flask("original")
# The whole product as JSON does not fit into the default of 1 GiB.
spark = SparkSession.builder.appName("original").config("spark.driver.memory", "4g").getOrCreate()


def read() -> DataFrame:
    return spark.read.parquet(sys.argv[1])


def answer(rows: DataFrame) -> Response:
    limit = request.args.get("limit", type=int)
    if limit:
        rows = rows.limit(limit)
    return Response(f"[{','.join(rows.toJSON().collect())}]", mimetype="application/json")


@app.get("/api/cliente_pedido")
def list_rows() -> Response:
    rows = read()
    if "valor_min" in request.args:
        low, high = request.args["valor_min"], request.args["valor_max"]
        rows = rows.where(col("valor").between(low, high)).orderBy(col("valor").desc(), "pedido_id")
    return answer(rows)


@app.get("/api/cliente_pedido/<int:cliente_id>")
def one_client(cliente_id: int) -> Response:
    return answer(read().where(col("cliente_id") == cliente_id))


@app.get("/api/cliente_pedido/por_cliente")
def by_client() -> Response:
    groups = read().groupBy("cliente_id")
    sums = groups.agg(count("*").alias("pedidos"), sum("valor"), avg("valor"))
    return answer(sums.orderBy("cliente_id"))


if __name__ == "__main__":
    # Connections stay open, as those of the other servers do.
    WSGIRequestHandler.protocol_version = "HTTP/1.1"
    app.run(port=int(sys.argv[2]), threaded=True)
