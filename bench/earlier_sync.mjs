// A hand-written sync with the TypeScript client: create schedules, and describe those that exist, one after another.
// node earlier_sync.mjs ADDRESS NAMESPACE SPEC.json
import { readFileSync } from 'node:fs';
import { Client, Connection, ScheduleAlreadyRunning } from '@temporalio/client';

const [address, namespace, path] = process.argv.slice(2);
const connection = await Connection.connect({ address });
const client = new Client({ connection, namespace });
for (const { id, cron, timezone, workflow, taskQueue, input } of JSON.parse(readFileSync(path, 'utf8'))) {
  try {
    await client.schedule.create({
      scheduleId: id,
      spec: { cronExpressions: [cron], timezone },
      action: { type: 'startWorkflow', workflowType: workflow, workflowId: id, taskQueue, args: [input] },
      policies: { overlap: 'SKIP', catchupWindow: '10s' },
    });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    await client.schedule.getHandle(id).describe();
  }
}
await connection.close();
