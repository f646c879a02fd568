with entrega as (
    select * from {{ ref('prata_pedido_entregas') }}
),

rejeitado as (
    select
        motivo,
        entregue.pedido_id,
        entregue.cliente_id,
        entregue.valor,
        entregue._corrupt,
        _ingested_at,
        _source_file,
        _batch_id
    from entrega
    where motivo is not null
)

select * from rejeitado
