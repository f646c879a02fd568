{{
    config(
        materialized='incremental',
        unique_key='pedido_id',
        meta={
            'reads': {'bronze.pedido': '_batch_id'},
            'merge': {
                'update_when':
                    'struct(new._order_key, new._ingested_at, new._source_file, new._position)'
                    ~ ' >= struct(old._order_key, old._ingested_at, old._source_file, old._position)',
                'always': {
                    'entregas': 'old.entregas + new.entregas',
                    '_batch_id': 'greatest(old._batch_id, new._batch_id)',
                },
            },
        },
    )
}}
{%- set read = read_up_to() %}

with bronze as (
    select * from {{ source('bronze', 'pedido') }}
    {%- if read %}
    where _batch_id > {{ read['bronze.pedido'] }}
    {%- endif %}
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
        *,
        case
            when _corrupt is not null then 'linha_corrompida'
            when nullif(trim(pedido_id), '') is null then 'chave_ausente'
            when chave is null then 'chave_invalida'
            when nullif(trim(cliente_id), '') is null then 'cliente_ausente'
            when cliente_chave is null then 'cliente_invalido'
            when nullif(trim(valor), '') is null then 'valor_ausente'
            when valor_decimal is null then 'valor_invalido'
            when valor_decimal <= 0 then 'valor_nao_positivo'
        end as motivo
    from tipada
),

ordenada as (
    select
        *,
        row_number() over (
            partition by chave
            order by
                _order_key desc nulls last,
                _ingested_at desc,
                _source_file desc,
                _position desc nulls last,
                cliente_id desc nulls last,
                valor desc nulls last
        ) as ordem,
        count(*) over (partition by chave) as vezes,
        max(_batch_id) over (partition by chave) as ultimo_lote
    from avaliada
),

pedido_entregas as (
    select
        chave as pedido_id,
        cliente_chave as cliente_id,
        valor_decimal as valor,
        motivo,
        case
            when motivo is not null then struct(pedido_id, cliente_id, valor, _corrupt)
        end as entregue,
        if(chave is null, 1, vezes) as entregas,
        _ingested_at,
        _source_file,
        _position,
        _order_key,
        if(chave is null, _batch_id, ultimo_lote) as _batch_id,
        cast({{ next_version() }} as bigint) as _versao
    from ordenada
    where chave is null or ordem = 1
)

select * from pedido_entregas
