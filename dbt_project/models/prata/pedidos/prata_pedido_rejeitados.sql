with entrega as (
    select * from {{ ref('prata_pedido_entregas') }}
),

rejeitado as (
    select
        motivo,
        pedido_id,
        cliente_id,
        valor,
        _corrupt,
        _ingested_at,
        _source_file,
        _batch_id
    from entrega
    where not superada and motivo is not null
)

select * from rejeitado
