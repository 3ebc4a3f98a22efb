// The program that the daemon starts for each shard. All it does is pass bytes between the daemon, which wants a child
// process with standard input and output, and the service's socket. The smallest that is there is taken: `nc` of OpenBSD
// has 0.2 MB of its own, Perl (part of every Debian) 2 MB, Node 15 MB.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

const perl = `# Passes bytes between standard input and output and the Unix socket named as argument.
use strict; use warnings; use Socket;
socket(my $service, PF_UNIX, SOCK_STREAM, 0) or die "relay: $!\\n";
connect($service, pack_sockaddr_un($ARGV[0])) or die "relay: $ARGV[0]: $!\\n";
sub pass {
  my ($from, $to) = @_;
  my $length = sysread($from, my $bytes, 65536) or return 0;
  for (my $done = 0; $done < $length;) { $done += syswrite($to, $bytes, $length - $done, $done) // return 0 }
  return 1;
}
my $wanted = '';
vec($wanted, $_, 1) = 1 for 0, fileno($service);
while (1) {
  next if select(my $ready = $wanted, undef, undef, undef) < 0;
  if (vec($ready, 0, 1) && !pass(*STDIN, $service)) { shutdown($service, 1); vec($wanted, 0, 1) = 0 }
  if (vec($ready, fileno($service), 1) && !pass($service, *STDOUT)) { exit }
}
`

const node = `// Passes bytes between standard input and output and the Unix socket named as argument.
const socket = require('node:net').connect(process.argv[2])
process.stdin.pipe(socket)
socket.pipe(process.stdout)
for (const end of [socket, process.stdin, process.stdout]) end.on('error', () => process.exit(1))
socket.on('close', () => process.exit())
`

/** A command for `executableName`, which the daemon splits at spaces. Puts what it needs into `folder`. */
export function relayCommand(folder: string, socketPath: string): string {
  // Without -N it would not tell the service that the daemon has closed its side.
  if (output('nc', '-h').includes('OpenBSD')) return `nc -N -U ${socketPath}`
  if (output('perl', '-MSocket', '-e', 'print "there"') === 'there') {
    const script = join(folder, 'relay.pl')
    writeFileSync(script, perl)
    return `perl ${script} ${socketPath}`
  }
  const script = join(folder, 'relay.cjs')
  writeFileSync(script, node)
  return `${process.execPath} ${script} ${socketPath}`
}

/** What a program says on either stream; empty when it is not there. */
function output(command: string, ...args: string[]): string {
  try {
    return execFileSync('sh', ['-c', '"$0" "$@" 2>&1', command, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
  } catch {
    return ''
  }
}
