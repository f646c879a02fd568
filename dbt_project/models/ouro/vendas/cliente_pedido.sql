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
-- depends_on: {{ ref('prata_pedido_entregas') }}, {{ ref('prata_cliente_entregas') }}
{%- set read = read_up_to() %}

with pedido as (
    select * from {{ ref('prata_pedido') }}
),

cliente as (
    select * from {{ ref('prata_cliente') }}
),

{% if read -%}
mudado as ( -- noqa: ST03
    select pedido_id
    from {{ ref('prata_pedido_entregas') }}
    where _versao > {{ read['prata_pedido_entregas'] }} and pedido_id is not null
    union distinct
    select pedido.pedido_id
    from pedido
    inner join {{ ref('prata_cliente_entregas') }} as entrega
        on pedido.cliente_id = entrega.cliente_id
    where entrega._versao > {{ read['prata_cliente_entregas'] }}
),

{% endif -%}
cliente_pedido as (
    select
        pedido.pedido_id,
        cliente.cliente_id,
        cliente.nome,
        pedido.valor
    from pedido
    inner join cliente on pedido.cliente_id = cliente.cliente_id
    {%- if read %}
    where pedido.pedido_id in (select mudado.pedido_id from mudado)
    {%- endif %}
)

{% if read -%}
-- An order that is no longer in the product comes with nulls, and is taken away.
select
    mudado.pedido_id,
    cliente_pedido.cliente_id,
    cliente_pedido.nome,
    cliente_pedido.valor
from mudado
left join cliente_pedido on mudado.pedido_id = cliente_pedido.pedido_id
{%- else -%}
select * from cliente_pedido
{%- endif %}
