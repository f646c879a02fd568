with entrega as (
    select * from {{ ref('prata_pedido_entregas') }}
),

pedido as (
    select
        chave as pedido_id,
        cliente_chave as cliente_id,
        valor_decimal as valor,
        _ingested_at,
        _source_file
    from entrega
    where not superada and motivo is null
)

select * from pedido
