with cliente as (
    select * from {{ ref('prata_cliente_entregas') }}
),

pedido as (
    select * from {{ ref('prata_pedido_entregas') }}
),

entrega as (
    select
        'cliente' as fonte,
        motivo,
        _ingested_at,
        _source_file
    from cliente
    union all
    select
        'pedido' as fonte,
        motivo,
        _ingested_at,
        _source_file
    from pedido
),

qualidade_rejeicao as (
    select
        fonte,
        motivo,
        cast(_ingested_at as date) as dia,
        _source_file as arquivo,
        count(*) as registros
    from entrega
    where motivo is not null
    group by fonte, motivo, cast(_ingested_at as date), _source_file
)

select * from qualidade_rejeicao
