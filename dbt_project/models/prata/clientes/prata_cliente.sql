with entrega as (
    select * from {{ ref('prata_cliente_entregas') }}
),

cliente as (
    select
        chave as cliente_id,
        nome_limpo as nome,
        _ingested_at,
        _source_file
    from entrega
    where not superada and motivo is null
)

select * from cliente
