import sys, time
import pytest
from hypothesis import settings, Phase
from hypothesis.stateful import run_state_machine_as_test
import app.store.door as door
from tests.store import test_protocols as tp
REAL=door.source
M=[
 ("claim","if redis.call('EXISTS', KEYS[3]) == 1 then return {'answered', '', 0} end","","Elections"),
 ("claim","if redis.call('HEXISTS', KEYS[3], bot) == 1 then return {'answered', '', 0} end","","Lanes"),
 ("claim","if b[1] then return {'addressed', '', 0} end","","Addressed"),
 ("claim","b[2] == 'open' or ","","Elections"),
 ("claim","or (b[4] and b[4] ~= bot)","","Elections"),
 ("claim","if holder and not mine then return {'wait'","if false then return {'wait'","Elections"),
 ("claim","if cool > 0 then return","if false then return","Elections"),
 ("claim","if last[2] and tonumber","if false and tonumber","Mutes"),
 ("claim"," and not mine then\n    if holder then return wait"," then\n    if holder then return wait","DeadBot"),
 ("claim","if any_exists(10, 13) then","if false then","Mutes"),
 ("claim","if redis.call('GET', KEYS[1]) ~= ARGV[2] then return {'lost_lock', '', 0} end","","Commits"),
 ("claim","unsettled * lease then","lease then","Addressed"),
 ("commit","or holder.token ~= ARGV[7]","","Commits"),
 ("commit","or holder.entry then","then","Commits"),
 ("commit","if redis.call('EXISTS', KEYS[3]) == 1 then return refuse('answered'","if false then return refuse('answered'","Elections"),
 ("commit","if redis.call('GET', KEYS[1]) ~= ARGV[1] then","if false then","Commits"),
 ("commit","if #redis.call('XRANGE'","if false and #redis.call('XRANGE'","Commits"),
 ("commit","redis.call('XDEL', KEYS[8], ARGV[6])","","Lanes"),
 ("commit","redis.call('HDEL', KEYS[9], message)","","Elections"),
 ("commit","redis.call('ZREM', 'elections:due', message)","","Elections"),
 ("commit","if muted then return refuse","if false then return refuse","Mutes"),
 ("commit","if since[2] and","if false and","Commits"),
 ("commit","and since[1] and newer","and false and newer","Commits"),
 ("commit","if why then return refuse","if false then return refuse","Budgets"),
 ("commit","redis.call('SET', KEYS[14], cjson.encode({verdict, ''}), 'PX', 600000)","","Commits"),
 ("elect","if redis.call('EXISTS', KEYS[3]) == 1 then return close('answered') end","","Elections"),
 ("elect","if bids['#addressed'] then","if false then","Addressed"),
 ("elect","a.score > b.score","a.score < b.score","Elections"),
 ("elect","excluded[winner] = true","","Elections"),
 ("elect",", '#state', 'open')",")","Elections"),
 ("elect","if bids['#paid'] and bids['#paid'] ~= bids['#winner'] then","if false then","Elections"),
 ("elect","if bids['#paid'] == winner then","if false then","Elections"),
 ("elect","redis.call('HDEL', keys.work(winner), message)","","Elections"),
 ("elect","if bids['#winner'] then redis.call('HDEL', keys.work(bids['#winner']), message) end","","Elections"),
 ("elect","elseif wait > 0 then","elseif false then","Elections"),
 ("elect","redis.call('EXISTS', keys.mute_bot(bot)) == 1","false","Mutes"),
 ("elect","or redis.call('HLEN', keys.work(bot)) > 0","","Elections"),
 ("finish","if (redis.call('HGET', KEYS[2], 'seq') or '') ~= ARGV[3] then","if false then","Lanes"),
 ("finish","if redis.call('GET', KEYS[1]) ~= ARGV[2] then return {'lost', 0} end","","Lanes"),
 ("finish","if not due and left > 0 then","if false then","Lanes"),
 ("begin","redis.call('DEL', KEYS[1])","","Lanes"),
 ("begin","or due > now","","Lanes"),
 ("floor","math.max(previous + 1, now_us)","now_us % 1000000","Commits"),
 ("floor","local first = redis.call('ZPOPMIN', waiting)","local first = {}","Addressed"),
 ("yield","and holder.token == ARGV[6]","","Commits"),
 ("yield","if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {'lost_lock', ''} end","","Commits"),
 ("yield","redis.call('HSETNX', KEYS[3], bot, 'declined')","","Elections"),
 ("reserve","or holder.token ~= ARGV[3]","","Commits"),
 ("reserve","redis.call('HSET', KEYS[2], '#paid', bot)","","Elections"),
 ("reserve","if redis.call('GET', KEYS[5]) ~= ARGV[8] then","if false then","Commits"),
 ("reserve","spend(bot, root, 0, tokens, 0)","","Budgets"),
 ("admit","if earlier[1] == request then","if false then","Lanes"),
 ("admit","wake(bot .. ':' .. channel, 'direct', now)","","Lanes"),
 ("admit","redis.call('HSETNX', KEYS[3], '#addressed', int(now))","","Addressed"),
 ("admit","asked > limits.person_hourly","false","Budgets"),
 ("admit","spent = spent or day_spent(bot, limits, 0, 0)","","Budgets"),
 ("admit","hops = (tonumber(c[2]) or 0) + 1","hops = 0","Budgets"),
 ("admit","if state and state ~= 'open' then","if false then","Elections"),
 ("cause","if root == '' then return 'no known cause' end","","Budgets"),
 ("cause","hops >= limits.root_hops","false","Budgets"),
 ("cause","if posts >= limit then","if false then","Budgets"),
 ("drop","if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end","","Commits"),
 ("renew","or holder.token ~= ARGV[3]","","Commits"),
]
@pytest.mark.parametrize("i", range(len(M)))
def test_m(i, store, monkeypatch):
    script, old, new, machine = M[i]
    hit=[]
    def src(name):
        t=REAL(name)
        # libs are included: replace wherever it occurs
        base=(door.resources.files("app.store")/"lua"/f"{script}.lua").read_text()
        assert old in base, (script, old)
        if base.strip() in t.strip() or True:
            if old in t and (name==script or script in ("floor","cause","lib")):
                hit.append(name); t=t.replace(old,new)
        return t
    monkeypatch.setattr(door,"source",src)
    st=door.Store(store.client.connection_pool.connection_kwargs and URL(store))
    mc=getattr(tp,machine); mc.store=st
    t=time.time(); caught="SURVIVED"
    try:
        run_state_machine_as_test(mc, settings=settings(max_examples=int(__import__('os').environ.get('EX','60')), stateful_step_count=25, phases=[Phase.generate], report_multiple_bugs=False))
    except BaseException as e:
        caught=type(e).__name__+" "+str(e).splitlines()[0][:90]
    st.close(); store.client.flushdb()
    print(f"{i:3} {script:8} {machine:10} {time.time()-t:5.1f}s {caught}   <- {old[:60]!r}")
def URL(store):
    k=store.client.connection_pool.connection_kwargs
    return f"redis://:{k['password']}@{k['host']}:{k['port']}/{k.get('db',0)}" if k.get('password') else f"redis://{k['host']}:{k['port']}/0"
