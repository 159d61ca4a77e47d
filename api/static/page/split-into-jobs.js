// Which photos are sent in which job.

const { maxJobItems, maxJobBytes } = document.documentElement.dataset;
// The form's own lines around each photo.
const PART_BYTES = 512;

/** Split a list of items with files into jobs that the service accepts, in order. */
export function jobsOf(items, itemsMost = Number(maxJobItems), bytesMost = Number(maxJobBytes)) {
  const jobs = [];
  let bytes = 0;
  for (const item of items) {
    const size = item.file.size + item.name.length * 3 + PART_BYTES;
    const last = jobs.at(-1);
    if (last && last.length < itemsMost && bytes + size <= bytesMost) {
      last.push(item);
      bytes += size;
    } else {
      jobs.push([item]);
      bytes = size;
    }
  }
  return jobs;
}
