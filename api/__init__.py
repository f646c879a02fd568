"""Ouro products as REST.

app         the application: routes, lifespan, problem details
routes/     one module a group of paths; each calls one function
deps        what a route is given
queries     a request as a sqlglot tree
engine      a sqlglot tree to rows, through the Spark Thrift Server
rows        rows as JSON, and as a schema for OpenAPI
problems    errors as RFC 9457 problem details
"""
