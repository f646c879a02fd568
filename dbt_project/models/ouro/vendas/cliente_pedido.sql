with pedido as (
    select * from {{ ref('prata_pedido') }}
),

cliente as (
    select * from {{ ref('prata_cliente') }}
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

select * from cliente_pedido
