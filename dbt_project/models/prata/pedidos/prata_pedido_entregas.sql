{{ config(materialized='ephemeral', access='private') }}

with bronze as (
    select * from {{ source('bronze', 'pedido') }}
),

cliente as (
    select * from {{ ref('prata_cliente') }}
),

tipada as (
    select
        *,
        case when _corrupt is null then try_cast(trim(pedido_id) as bigint) end as chave,
        try_cast(trim(cliente_id) as bigint) as cliente_chave,
        try_cast(trim(valor) as decimal(18, 2)) as valor_decimal
    from bronze
),

avaliada as (
    select
        tipada.*,
        tipada.chave is not null and row_number() over (
            partition by tipada.chave
            order by
                tipada._ingested_at desc,
                tipada._source_file desc,
                tipada.cliente_id desc nulls last,
                tipada.valor desc nulls last
        ) > 1 as superada,
        case
            when tipada._corrupt is not null then 'linha_corrompida'
            when nullif(trim(tipada.pedido_id), '') is null then 'chave_ausente'
            when tipada.chave is null then 'chave_invalida'
            when nullif(trim(tipada.valor), '') is null then 'valor_ausente'
            when tipada.valor_decimal is null then 'valor_invalido'
            when tipada.valor_decimal <= 0 then 'valor_nao_positivo'
            when cliente.cliente_id is null then 'cliente_desconhecido'
        end as motivo
    from tipada
    left join cliente on tipada.cliente_chave = cliente.cliente_id
)

select * from avaliada
