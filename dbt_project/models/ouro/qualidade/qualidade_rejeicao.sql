with entrega as (
    select * from {{ source('malha', 'rejections') }}
),

qualidade_rejeicao as (
    select
        fonte,
        motivo,
        cast(_ingested_at as date) as dia,
        _source_file as arquivo,
        count(*) as registros
    from entrega
    group by fonte, motivo, cast(_ingested_at as date), _source_file
)

select * from qualidade_rejeicao
