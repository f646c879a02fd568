"""The plain script that a pipeline often begins as, and that the benchmark compares with.

It reads CSV files with inferred types, writes them as Parquet, filters, joins, and writes the
result: no history, no rejected rows, no tests, no atomic publication. As such scripts do, it reads
the source again for each write.

Usage: python bench/plain.py LANDING_URI OUTPUT_URI
"""

import sys

from pyspark.sql import SparkSession
from pyspark.sql.functions import col


def main(landing: str, output: str) -> None:
    spark = SparkSession.builder.appName("plain").getOrCreate()

    pedido = spark.read.csv(f"{landing}/pedidos/pedido", header=True, inferSchema=True)
    cliente = spark.read.csv(f"{landing}/clientes/cliente", header=True, inferSchema=True)
    pedido.write.mode("overwrite").parquet(f"{output}/bronze/pedido")
    cliente.write.mode("overwrite").parquet(f"{output}/bronze/cliente")

    prata = pedido.filter(col("valor") > 0)
    ouro = prata.join(cliente, "cliente_id").select("pedido_id", "cliente_id", "nome", "valor")
    ouro.write.mode("overwrite").parquet(f"{output}/ouro/cliente_pedido")

    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
