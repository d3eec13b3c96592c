import { readFileSync } from 'node:fs'
import { CallbackReceiver } from '../test/journeys/callback-receiver.ts'
import { startSandbox } from '../src/sandbox/index.ts'
import { spawn } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
const N = Number(process.argv[2] ?? 10000)
const sandbox = await startSandbox({ replyDelayMs: 50 })
const receiver = await CallbackReceiver.listen()
const dir = mkdtempSync('/tmp/fsbench/')
const KEY='k'.repeat(32)
const flags = (process.env.FLAGS ?? '--max-semi-space-size=2 --heap-growing-percent=30 --initial-old-space-size=24').split(' ')
const child = spawn(process.execPath, [...flags, 'src/main.ts'], { env: { ...sandbox.environment(), PORT: '0', API_KEYS: `t:${KEY}`, DATA_DIR: dir, LOG_LEVEL: 'info', ...(process.env.BC ? {BATCH_CONCURRENCY: process.env.BC} : {}) }, stdio: ['ignore','pipe','inherit'] })
const url: string = await new Promise((resolve) => { let buf=''; child.stdout.on('data', (d) => { buf+=d; const m=/"event":"started","at":"([^"]+)"/.exec(buf); if (m) resolve(m[1]!); const lines=String(d).split('\n').filter((l)=>l.includes('"level":"warn"')||l.includes('"level":"error"')||l.includes('chunk-')); for (const l of lines.slice(0,5)) console.log(l.slice(0,300)) }) })
const post = (token: string, people: object[], type: string) => fetch(`${url}/flow-step/submitAsyncAction`, { method:'POST', headers: {'x-api-key':KEY,'content-type':'application/json'}, body: JSON.stringify({ token, apiCallBackKey:'k', callbackUrl: receiver.url, campaignId: 1, context: {subscription:{munchkinId:'m'}, campaign:{id:1,type}}, objectData: people }) })
const person = (id: number) => ({ objectType:'lead', objectContext: { id, email:`p${id}@example.com`, firstName:'A', lastName:`L${id}`, company:'C', ...(process.env.FAT ? { notes: 'x'.repeat(1000) } : {}) }, flowStepContext:{}, triggeringContext: {} })
const rss = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`,'utf8'))?.[1])/1024
let peak = 0
const cpu = () => { const f=readFileSync(`/proc/${child.pid}/stat`,'utf8').split(' '); return (Number(f[13])+Number(f[14]))*10 }
await post('warm', [person(999999)], 'trigger'); await receiver.takenFor('warm')
const watch = setInterval(() => { peak = Math.max(peak, rss()) }, 50)
let slowest=0
const ping = (async()=>{ for(;!done;){ const t=performance.now(); await fetch(`${url}/livez`); slowest=Math.max(slowest, performance.now()-t); await new Promise(r=>setTimeout(r,5)) } })
let done=false
const before = sandbox.dataverse.calls.length; const c0=cpu()
const t0 = performance.now()
const body = Array.from({length:N},(_, i)=>person(i+1))
const pings = ping()
const ack = await post('batch', body, 'batch')
console.log('ack', ack.status, Math.round(performance.now()-t0), 'ms')
const trig: number[] = []
const more = (async () => { for (let i=0;i<5;i++){ await new Promise(r=>setTimeout(r,800)); const t=performance.now(); await post(`t-${i}`, [person(1_000_000+i)], 'trigger'); await receiver.takenFor(`t-${i}`); trig.push(Math.round(performance.now()-t)) } })()
const cb = await receiver.takenFor('batch', 110_000)
console.log('callback', Math.round(performance.now()-t0), 'ms', cb.objectData.length)
await more; done=true; await pings
const counts: Record<string,number> = {}
for (const o of cb.objectData) { const k = String(o.activityData.outcome)+' '+(o.activityData.code??''); counts[k]=(counts[k]??0)+1 }
console.log(counts, 'trigger ms', trig, 'slowest livez', Math.round(slowest))
const calls = sandbox.dataverse.calls.slice(before)
const kinds: Record<string, number> = {}
for (const c of calls) { const k=`${c.method} ${c.path.replace(/\(.*|\?.*/,'')}`; kinds[k]=(kinds[k]??0)+1 }
console.log(calls.length, kinds, 'creates', sandbox.dataverse.commits.filter(c=>c.operation==='create').length, 'peak rss', Math.round(peak), 'cpu ms', cpu()-c0)
clearInterval(watch); child.kill('SIGTERM'); await receiver[Symbol.asyncDispose](); await sandbox.close()
