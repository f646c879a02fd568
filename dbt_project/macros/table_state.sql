{% macro table_state() %}
    {%- if not execute or model.resource_type != 'model' or flags.WHICH not in ('build', 'run') -%}
        {{ return({'read': {}, 'nothing_new': false, 'next': {'version': 1}}) }}
    {%- endif -%}
    {%- set known = graph.nodes[model.unique_id] -%}
    {%- if 'table_state' not in known -%}
        {%- do known.update(table_state=_read_table_state()) -%}
    {%- endif -%}
    {{ return(known.table_state) }}
{% endmacro %}

{% macro _read_table_state() %}
    {%- set reads = model.config.meta.get('reads', {}) -%}
    {%- if not reads -%}{{ return({'read': {}, 'nothing_new': false, 'next': {}}) }}{%- endif -%}
    {%- set existing = load_relation(this) -%}
    {%- set parts = [] -%}
    {%- if existing is not none and existing.is_table -%}
        {%- do parts.append(_history_of('', this)) -%}
    {%- endif -%}
    {%- for name, column in reads.items() -%}
        {%- set relation = (source(*name.split('.')) if '.' in name else ref(name)).render() -%}
        {%- do parts.append(_history_of(name, relation)) -%}
        {%- if column != 'snapshot' -%}
            {%- do parts.append(
                "select 'read' as kind, '" ~ name ~ "' as name, cast(coalesce(max(" ~ column ~ "), -1) as string) as id, "
                ~ "cast(coalesce(min(" ~ column ~ "), -1) as string) as parent, '' as operation, '' as state from " ~ relation
            ) -%}
        {%- endif -%}
    {%- endfor -%}

    {%- set heads = {} -%}
    {%- set snapshots = {} -%}
    {%- set newest = {} -%}
    {%- set oldest = {} -%}
    {%- for row in run_query(parts | join('\nunion all\n')) -%}
        {%- if row.kind == 'head' -%}
            {%- do heads.update({row.name: row.id | string}) -%}
        {%- elif row.kind == 'snapshot' -%}
            {%- do snapshots.setdefault(row.name, {}).update({row.id | string: row}) -%}
        {%- else -%}
            {%- do newest.update({row.name: row.id | int}) -%}
            {%- do oldest.update({row.name: row.parent | int}) -%}
        {%- endif -%}
    {%- endfor -%}

    {%- set recorded = namespace(state={}, version=0) -%}
    {%- set mine = snapshots.get('', {}) -%}
    {%- for snapshot in mine.values() if snapshot.state -%}
        {#- Of abandoned states too: a version that was read once must not come again. -#}
        {%- set recorded.version = [recorded.version, fromjson(snapshot.state).get('version', 0)] | max -%}
    {%- endfor -%}
    {%- for snapshot in _line(heads.get(''), mine) if snapshot.state and not recorded.state -%}
        {%- set recorded.state = fromjson(snapshot.state) -%}
    {%- endfor -%}

    {%- set state = recorded.state -%}
    {%- set logic = logic_of(model) -%}
    {%- set read = state.get('read', {}) -%}
    {%- set usable = namespace(yes=(
        state.get('heads', {}).keys() | sort == reads.keys() | sort
        and state.get('logic') == logic
        and not should_full_refresh()
    )) -%}
    {%- set same = namespace(yes=true) -%}
    {%- for name, column in reads.items() if usable.yes -%}
        {%- set since = _since(state.heads[name], heads.get(name), snapshots.get(name, {})) -%}
        {%- if column == 'snapshot' -%}
            {%- set same.yes = same.yes and since == [] -%}
        {%- elif since is none or 'delete' in since or ('.' in name and 'overwrite' in since) -%}
            {#- Rolled back, made anew, or rows were taken away: what was read from it may be gone. -#}
            {%- set usable.yes = false -%}
        {%- else -%}
            {#- Where all rows are newer, or none is, the input was made anew and may lack old keys. -#}
            {%- set usable.yes = oldest[name] <= read[name] <= newest[name] -%}
            {%- set same.yes = same.yes and read[name] == newest[name] -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set read_heads = {} -%}
    {%- for name, column in reads.items() -%}
        {%- do read_heads.update({name: heads.get(name)}) -%}
        {%- if column == 'snapshot' -%}{%- do newest.update({name: heads.get(name)}) -%}{%- endif -%}
    {%- endfor -%}
    {{ return({
        'read': read if usable.yes else {},
        'nothing_new': usable.yes and same.yes,
        'next': {'version': recorded.version + 1, 'logic': logic, 'read': newest, 'heads': read_heads},
    }) }}
{% endmacro %}

{% macro _history_of(name, relation) %}
    {#- Its head, that of the build's branch where it has one, and its snapshots. -#}
    {{ return(
        "select 'head' as kind, '" ~ name ~ "' as name, "
        ~ ("cast(max(snapshot_id) as string)" if not name else "cast(max_by(snapshot_id, name != 'main') as string)")
        ~ " as id, '' as parent, '' as operation, '' as state from " ~ relation ~ ".refs where name in ('main'"
        ~ (", '" ~ build_branch() ~ "'" if name and build_branch() else '') ~ ")"
        ~ "\nunion all\nselect 'snapshot', '" ~ name ~ "', cast(snapshot_id as string), "
        ~ "coalesce(cast(parent_id as string), ''), operation, coalesce(summary['malha.state'], '') from "
        ~ relation ~ ".snapshots"
    ) }}
{% endmacro %}

{% macro _line(head, snapshots) %}
    {#- The snapshots from a head back to the first that is kept. -#}
    {%- set line = [] -%}
    {%- set at = namespace(id=head | string) -%}
    {%- for _ in snapshots if at.id in snapshots -%}
        {%- do line.append(snapshots[at.id]) -%}
        {%- set at.id = snapshots[at.id].parent | string -%}
    {%- endfor -%}
    {{ return(line) }}
{% endmacro %}

{% macro _since(before, head, snapshots) %}
    {#- What was done to a table since a snapshot, newest first; none where it is no ancestor of the head. -#}
    {%- set done = [] -%}
    {%- if before == head -%}{{ return(done) }}{%- endif -%}
    {%- for snapshot in _line(head, snapshots) -%}
        {%- if snapshot.id | string == before -%}{{ return(done) }}{%- endif -%}
        {%- do done.append(snapshot.operation) -%}
        {%- if snapshot.parent | string == before -%}{{ return(done) }}{%- endif -%}
    {%- endfor -%}
    {{ return(none) }}
{% endmacro %}
