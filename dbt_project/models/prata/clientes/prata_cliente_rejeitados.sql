with entrega as (
    select * from {{ ref('prata_cliente_entregas') }}
),

rejeitado as (
    select
        motivo,
        cliente_id,
        nome,
        _corrupt,
        _ingested_at,
        _source_file,
        _batch_id
    from entrega
    where not superada and motivo is not null
)

select * from rejeitado
