# Runs inside the virtual machine (busybox): each program alone, under strace and under Renacer, in folders of one name and with
# environments of one size; then writes all that they left to the console, between markers.
failed=0
export TRACEPARENT=00-11111111111111111111111111111111-2222222222222222-01
mkdir /tmp/results
inside() {
    name=$1; shift
    mkdir /tmp/inside && cd /tmp/inside && "$@" >"/tmp/results/$name.out" 2>&1
    status=$?
    cd /work && rm -rf /tmp/inside
    if [ $status -ne 0 ]; then
        echo "$name: status $status"
        head -c 2000 "/tmp/results/$name.out"
        failed=1
    fi
}
for program in threads forks signals files sockets; do
    r=/tmp/results/$program
    inside $program.native /work/$program
    inside $program.strace strace -f -q -o $r.strace -- /work/$program
    inside $program.renacer /work/renacer trace --quiet --capture-data -o $r.otlp.jsonl --text=$r.renacer -- /work/$program
done
uname -rm >/tmp/results/kernel
echo "==== results"
tar -c -C /tmp/results . | gzip | base64
echo "==== end"
exit $failed
