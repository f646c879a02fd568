{{ config(materialized='ephemeral', access='private') }}

with bronze as (
    select * from {{ source('bronze', 'cliente') }}
),

tipada as (
    select
        *,
        case when _corrupt is null then try_cast(trim(cliente_id) as bigint) end as chave,
        nullif(trim(nome), '') as nome_limpo
    from bronze
),

avaliada as (
    select
        *,
        chave is not null and row_number() over (
            partition by chave
            order by _ingested_at desc, _source_file desc, nome desc nulls last
        ) > 1 as superada,
        case
            when _corrupt is not null then 'linha_corrompida'
            when nullif(trim(cliente_id), '') is null then 'chave_ausente'
            when chave is null then 'chave_invalida'
            when nome_limpo is null then 'nome_ausente'
        end as motivo
    from tipada
)

select * from avaliada
