{{
    config(
        materialized='incremental',
        unique_key='pedido_id',
        meta={
            'reads': {'prata_pedido_entregas': '_versao', 'prata_cliente_entregas': '_versao'},
            'merge': {'delete_when': 'new.cliente_id is null'},
        },
    )
}}
{%- set read = read_up_to() %}

with pedido as (
    select * from {{ ref('prata_pedido') }}
),

cliente as (
    select * from {{ ref('prata_cliente') }}
),

pedido_entregue as (
    select * from {{ ref('prata_pedido_entregas') }}
),

cliente_entregue as (
    select * from {{ ref('prata_cliente_entregas') }}
),

cliente_pedido as (
    select
        pedido.pedido_id,
        cliente.cliente_id,
        cliente.nome,
        pedido.valor
    from pedido
    inner join cliente on pedido.cliente_id = cliente.cliente_id
)
{%- if read %},

mudado as (
    select pedido_id
    from pedido_entregue
    where _versao > {{ read['prata_pedido_entregas'] }} and pedido_id is not null
    union distinct
    select pedido.pedido_id
    from pedido
    inner join cliente_entregue on pedido.cliente_id = cliente_entregue.cliente_id
    where cliente_entregue._versao > {{ read['prata_cliente_entregas'] }}
),

-- An order that is no longer among the products comes with nulls, and is taken away.
mudanca as (
    select
        mudado.pedido_id,
        cliente_pedido.cliente_id,
        cliente_pedido.nome,
        cliente_pedido.valor
    from mudado
    left join cliente_pedido on mudado.pedido_id = cliente_pedido.pedido_id
)

select * from mudanca
{%- else %}

select * from cliente_pedido
{%- endif %}
