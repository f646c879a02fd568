{{
    config(
        materialized='incremental',
        unique_key='cliente_id',
        meta={
            'reads': {'prata_cliente_entregas': '_versao', 'cliente_pedido': 'snapshot'},
            'merge': {'whole': true},
        },
    )
}}
-- depends_on: {{ ref('prata_cliente_entregas') }}

with cliente as (
    select * from {{ ref('prata_cliente') }}
),

cliente_pedido as (
    select * from {{ ref('cliente_pedido') }}
),

total_por_cliente as (
    select
        cliente_id,
        count(*) as pedidos,
        sum(valor) as total,
        avg(valor) as ticket_medio,
        max(valor) as maior_pedido
    from cliente_pedido
    group by cliente_id
),

resumo_cliente as (
    select
        cliente.cliente_id,
        cliente.nome,
        coalesce(total_por_cliente.pedidos, 0) as pedidos,
        cast(coalesce(total_por_cliente.total, 0) as decimal(28, 2)) as total,
        cast(coalesce(total_por_cliente.ticket_medio, 0) as decimal(18, 2)) as ticket_medio,
        cast(coalesce(total_por_cliente.maior_pedido, 0) as decimal(18, 2)) as maior_pedido
    from cliente
    left join total_por_cliente on cliente.cliente_id = total_por_cliente.cliente_id
)

select * from resumo_cliente
