with publicacao as (
    select * from {{ source('malha', 'publications') }}
),

regra as (
    select
        model as modelo,
        relation as tabela,
        finished_at as verificada_em,
        invocation_id,
        explode(tests) as teste
    from publicacao
),

qualidade_regra as (
    select
        modelo,
        tabela,
        teste.test as regra,
        teste.status as resultado,
        teste.failures as falhas,
        verificada_em,
        invocation_id
    from regra
)

select * from qualidade_regra
