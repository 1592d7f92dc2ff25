#!/bin/sh
# Verifies an exported run with stock tools: sh audit.sh BUNDLE [ANCHOR]
# Needs sh, sed, grep, find, sha256sum and ssh-keygen. Exit 0: verified and closed. 3: good as far as it goes, but no
# operator has signed how it ends. 1: not to be believed. `countersign journal verify` checks all this and more: the
# meaning of every record, strict signature forms, PIN and touch, and what of each request was measured by whom.
set -eu
LC_ALL=C; export LC_ALL
bundle=${1:?usage: sh audit.sh BUNDLE [ANCHOR]}; anchor=${2:-}
cd "$bundle"
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
bad() { echo "BAD  $*"; echo "RUN NOT VERIFIED"; exit 1; }
sum() { sha256sum < "$1" | cut -d' ' -f1; }
field() { sed -n "s/^$2: //p" "$1" | head -n 1; }                      # FILE KEY
json() { sed -n "s/.*\"$1\":\"\([^\"\\\\]*\)\".*/\1/p" | head -n 1; }   # KEY, one line on stdin
when() { echo "$1" | sed 's/\.[0-9]*Z$/Z/; s/[-:T]//g'; }
# DOCUMENT SIGNATURE PRINCIPAL NAMESPACE TRUST TIME: prints the fingerprint if the signature is good.
good() {
    ssh-keygen -Y verify -f "trust/$5/operators" -r "trust/$5/revoked_keys" -I "$3" -n "$4@countersign" \
        -O verify-time="$(when "$6")" -s "$2" < "$1" 2>/dev/null | sed -n 's/.* key \(SHA256:.*\)$/\1/p' | grep .
}
good_in_any() { n=$newest; while [ "$n" -ge 1 ]; do good "$1" "$2" "$3" "$4" "$n" "$5" && return; n=$((n - 1)); done; return 1; }
# DOCUMENT PREFIX SUFFIX NAMESPACE TRUST TIME [ONLY]: how many distinct people and keys signed it.
people() {
    : > "$work/keys"
    for sig in "$2"*"$3"; do
        [ -f "$sig" ] || continue
        who=${sig#"$2"}; who=${who%"$3"}
        [ -z "${7:-}" ] || grep -qxF "$who" "$7" || continue
        good "$1" "$sig" "$who" "$4" "$5" "$6" >> "$work/keys" || { echo "$sig is not what it is called"; return 1; }
    done
    sort -u "$work/keys" | grep -c . || true
}

[ -z "$(find . ! -type f ! -type d)" ] || bad "links or special files in the bundle"
files='journal\.log|journal-key(\.[1-9][0-9]*)?\.allowed|heads/[0-9]+(\.sig)?|close\.txt(\.[^/]+\.sig)?|inputs/[0-9]+/input\.txt(\.[^/]+\.sig)?'
files="$files|trust/[0-9]+/(trust\.txt(\.[^/]+\.sig)?|operators|policy\.yaml|revoked_keys)"
files="$files|requests/[0-9a-f]{32}/(request\.txt|[^/]+\.approve\.sig|[^/]+\.(reject|withdraw)\.txt(\.sig)?)"
find . -type f | grep -Evx "\./($files)" > "$work/strays" && bad "files of no bundle: $(cat "$work/strays")"

newest=0; before=$(printf '%064d' 0)
while [ -f "trust/$((newest + 1))/trust.txt" ]; do
    n=$((newest + 1)); t=trust/$n/trust.txt; digest=$(sum "$t")
    [ "$n" -gt 1 ] || [ -z "$anchor" ] || [ "$digest" = "$anchor" ] || bad "trust 1 is not the anchored one"
    [ "$(field "$t" serial)" = "$n" ] && [ "$(field "$t" previous)" = "$before" ] || bad "trust $n does not follow"
    for f in operators:operators policy:policy.yaml revoked-keys:revoked_keys; do
        [ "$(field "$t" "${f%%:*}-sha256")" = "$(sum "trust/$n/${f#*:}")" ] || bad "trust $n: ${f#*:} was changed"
    done
    ! grep -v '^#' "trust/$n/operators" | cut -d' ' -f4 | sort | uniq -d | grep -q . || bad "trust $n: one key for two"
    if [ "$n" -gt 1 ]; then
        have=$(people "$t" "$t." .sig trust "$newest" "$(field "$t" created)") || bad "$have"
        [ "$have" -ge "$(field "trust/$newest/trust.txt" threshold)" ] || bad "trust $n is signed by $have"
    fi
    newest=$n; before=$digest
done
[ "$newest" -ge 1 ] || bad "no trust"
[ "$(find trust -mindepth 1 -maxdepth 1 | grep -c .)" = "$newest" ] || bad "versions of trust with a gap"
[ -n "$anchor" ] && echo "ok   trust 1 to $newest, anchored" || echo "ok   trust 1 to $newest, by its own word: anchor $(sum trust/1/trust.txt)"

[ -z "$(tail -c 1 journal.log)" ] || bad "the last line was cut off"
seq=0; prev=$(printf '%064d' 0); keyfile=none; unsigned=0; heads=0; closed=; gates=0; approvals=
: > "$work/chain"; : > "$work/used"; : > "$work/stopped"; : > "$work/inputs"; : > "$work/ungated"
while IFS= read -r line; do
    rest=${line#* }; at=${rest%% *}; rest=${rest#* }; named=${rest%% *}; rest=${rest#* }; event=${rest%% *}; payload=${rest#* }
    [ "${line%% *}" = "$seq" ] && [ "$named" = "$prev" ] || bad "line $seq does not follow the one before"
    [ -z "$closed" ] || { [ "$event" = journal.head ] && [ "$seq" = $((closed + 1)) ]; } || bad "line $seq follows the end"
    case $event in
    run.opened | executor.changed)
        [ "$event" = run.opened ] && keyfile=journal-key.allowed || keyfile=journal-key.$seq.allowed
        { [ "$event" = run.opened ] && [ "$seq" = 0 ]; } || { [ "$event" != run.opened ] && [ "$seq" -gt 0 ]; } || bad "line $seq: $event"
        [ "$seq" -gt 0 ] || run=$(echo "$payload" | json run)
        key=$(printf '%s\n' "$payload" | json journal_key)
        printf 'journal namespaces="journal@countersign" ssh-ed25519 %s\n' "$key" | cmp -s - "$keyfile" || bad "$keyfile"
        case $event$payload in executor.changed*'"signed":{'*)
            grep -qF "$key" "inputs/$seq/input.txt" || bad "line $seq: another key than the signed one"
            echo "$seq $at" >> "$work/inputs" ;;
        esac ;;
    journal.head)
        h=heads/$((seq - 1)); heads=$((heads + 1)); unsigned=0
        printf 'countersign journal head v1\nrun: %s\nentry: %s\nsha256: %s\n[end]\n' "$run" $((seq - 1)) "$prev" | cmp -s - "$h" || bad "$h"
        ssh-keygen -Y verify -f "$keyfile" -I journal -n journal@countersign -s "$h.sig" < "$h" > /dev/null 2>&1 || bad "$h.sig" ;;
    request.made) id=$(printf '%s\n' "$payload" | json request); : > "$work/approvers.$id" ;;
    request.approved)
        id=$(printf '%s\n' "$payload" | json request); printf '%s\n' "$payload" | json by >> "$work/approvers.$id"
        who=$(printf '%s\n' "$payload" | json by); [ -f "requests/$id/$who.approve.sig" ] || bad "requests/$id/$who.approve.sig is missing"
        echo "./requests/$id/$who.approve.sig" >> "$work/approved" ;;
    request.stopped | request.void)
        id=$(printf '%s\n' "$payload" | json request); echo "$id" >> "$work/stopped"; echo "$at" > "$work/stopped.$id" ;;
    step.answered | run.released | run.chosen) echo "$seq $at" >> "$work/inputs" ;;
    step.armed)
        case $payload in *'"request":null'*'"danger":"destructive"'* | *'"danger":"destructive"'*'"request":null'*) bad "line $seq: destructive and not approved" ;; esac ;;
    step.started)
        id=$(printf '%s\n' "$payload" | json request)
        if [ -n "$id" ]; then
            r=requests/$id/request.txt; need=$(field "$r" approvals-needed); n=$(field "$r" trust); n=${n%% *}
            [ "$(field "$r" danger)" != destructive ] || [ "$need" -ge 2 ] || bad "$id needs $need"
            [ "$(printf '%s\n' "$payload" | json sha256)" = "$(sum "$r")" ] || bad "$r is not what was started in line $seq"
            [ "$(field "$r" run)" = "$run" ] && [ "$(field "$r" request)" = "$id" ] || bad "$r is for another run"
            [ "$(field "$r" trust)" = "$n $(sum "trust/$n/trust.txt")" ] || bad "$r names another trust"
            j=$(field "$r" journal); grep -qxF "${j%%:*} ${j#*:}" "$work/chain" || bad "$r was signed over another journal"
            ! grep -qxF "$id" "$work/stopped" || bad "$id was over before line $seq"
            case $payload in *'"command":0,'*)
                ! grep -qxF "$id" "$work/used" || bad "$id was used twice"
                echo "$id" >> "$work/used"
                expr "$(when "$at")" \< "$(when "$(field "$r" expires)")" > /dev/null || bad "$id had expired" ;;
            esac
            have=$(people "$r" "requests/$id/" .approve.sig approve "$n" "$at" "$work/approvers.$id") || bad "$have"
            [ "$have" -ge "$need" ] || bad "$id is approved by $have of $need"
            printf '%s\n' "$payload" | sed 's/.*"text":\["\(.*\)"\]}$/\1/; s/","/\n/g' | sed 's/\\\(["\\]\)/\1/g' > "$work/text"
            while IFS= read -r sent; do
                case $sent in *\\u*) continue ;; esac   # not ASCII: only `journal verify` compares it
                grep -qxF "| $sent" "$r" || bad "line $seq started what $id does not hold: $sent"
            done < "$work/text"
            gates=$((gates + 1)); approvals="$approvals${approvals:+
}ok   $id approved by $have: $(sort -u "$work/approvers.$id" | tr '\n' ' ')"
        fi ;;
    run.closed) closed=$seq; outcome=$(printf '%s\n' "$payload" | json outcome) ;;
    esac
    prev=$(printf '%s\n' "$line" | sha256sum | cut -d' ' -f1); echo "$seq $prev" >> "$work/chain"
    seq=$((seq + 1)); unsigned=$((unsigned + 1)); [ "$unsigned" -le 51 ] || bad "no signed head for 50 lines before $seq"
done < journal.log
[ "$seq" -gt 0 ] || bad "the journal is empty"
[ "$(find . -path './heads/*' | grep -c .)" = $((heads * 2)) ] || bad "heads that the journal does not have"
touch "$work/approved"
for f in ./requests/*/*.approve.sig; do
    [ ! -f "$f" ] || grep -qxF "$f" "$work/approved" || bad "$f is in no line of the journal"
done
echo "ok   journal $seq entries head $prev"
[ -z "$approvals" ] || echo "$approvals"

while read -r entry at; do
    d=inputs/$entry; set -- "$d"/input.txt.*.sig; [ -f "$1" ] && [ $# -eq 1 ] || bad "$d"
    who=${1#"$d/input.txt."}; who=${who%.sig}
    [ "$(field "$d/input.txt" by)" = "$who" ] && [ "$(field "$d/input.txt" run)" = "$run" ] || bad "$d is of another"
    grep -qxF "$(field "$d/input.txt" journal)" "$work/chain" || bad "$d was signed over another journal"
    good_in_any "$d/input.txt" "$1" "$who" input "$at" > /dev/null || bad "$1"
done < "$work/inputs"
for doc in requests/*/*.reject.txt requests/*/*.withdraw.txt; do
    [ -f "$doc" ] || continue
    verb=${doc%.txt}; verb=${verb##*.}; who=${doc##*/}; who=${who%."$verb".txt}
    id=${doc#requests/}; id=${id%%/*}; [ -f "$work/stopped.$id" ] || bad "$doc is not in the journal"
    read -r at < "$work/stopped.$id"
    good_in_any "$doc" "$doc.sig" "$who" "$verb" "$at" > /dev/null || bad "$doc.sig"
done

if [ ! -f close.txt ]; then
    [ -z "$(find . -name 'close.txt.*')" ] || bad "close.txt is missing"
    echo "open no operator has signed how it ends (${outcome:-not ended}): lines may be missing"; echo "RUN NOT CLOSED"; exit 3
fi
printf 'countersign close v1\nrun: %s\noutcome: %s\nentries: %s\nhead: %s\n[end]\n' "$run" "${outcome:-}" "$seq" "$prev" | cmp -s - close.txt || bad "close.txt"
by=0
for sig in close.txt.*.sig; do
    who=${sig#close.txt.}; who=${who%.sig}
    good_in_any close.txt "$sig" "$who" close "$(sed -n '$p' journal.log | cut -d' ' -f2)" > /dev/null || bad "$sig"; by=$((by + 1))
done
echo "ok   $outcome, closed by $by"
echo "RUN VERIFIED"
