-- A check of a guest's clock against the host's scheduler trace: what a guest does on a virtual CPU (D and C
-- of its block trace) happens while that CPU's thread is on a CPU of the host.
CREATE VIEW vcpu_check AS
SELECT
  -- The guest.
  vcpu_check.guest AS guest,
  -- Events of the guest that were checked.
  vcpu_check.events AS events,
  -- Those at which the thread was on no CPU, by more than the clocks' bounds.
  vcpu_check.violations AS violations,
  -- Of 1,000 events.
  1000.0 * vcpu_check.violations / vcpu_check.events AS violations_per_1000,
  -- Of 1,000 events, if they lay anywhere in time: what a wrong clock would give.
  1000.0 * vcpu_check.expected / vcpu_check.events AS by_chance_per_1000,
  -- The guest's block trace.
  vcpu_check.source_id AS source_id,
  -- The host's scheduler trace.
  vcpu_check.host_source_id AS host_source_id
FROM vcpu_check_sum AS vcpu_check;
