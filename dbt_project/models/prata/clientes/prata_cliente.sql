with entrega as (
    select * from {{ ref('prata_cliente_entregas') }}
),

cliente as (
    select
        cliente_id,
        nome,
        _ingested_at,
        _source_file
    from entrega
    where motivo is null
)

select * from cliente
