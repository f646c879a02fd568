with entrega as (
    select * from {{ ref('prata_pedido_entregas') }}
),

pedido as (
    select
        pedido_id,
        cliente_id,
        valor,
        _ingested_at,
        _source_file
    from entrega
    where motivo is null
)

select * from pedido
