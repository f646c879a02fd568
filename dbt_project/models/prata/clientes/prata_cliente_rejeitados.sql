with entrega as (
    select * from {{ ref('prata_cliente_entregas') }}
),

rejeitado as (
    select
        motivo,
        entregue.cliente_id,
        entregue.nome,
        entregue._corrupt,
        _ingested_at,
        _source_file,
        _batch_id
    from entrega
    where motivo is not null
)

select * from rejeitado
